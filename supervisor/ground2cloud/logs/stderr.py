"""The log on stderr, for whoever runs the program in the foreground or reads what it prints.

A terminal stopped with Ctrl-S, a selection in a Windows console or a pipe that nobody reads blocks
who writes to it, and must not block the supervision of the tunnel. So a thread writes, from a
queue that is bounded; what doesn't fit is lost and counted.
"""

import contextlib
import logging
import queue
import sys
import threading
from typing import Protocol

from ground2cloud.core.threads import leave_signals
from ground2cloud.logs.lines import LineHandler, WholeLines

QUEUE = 1000
"""Lines that wait for a reader: some 100 kB, several seconds of a busy log."""

CLOSE_TIMEOUT = 1.0
"""Seconds to wait at the end until everything is written."""


class Raw(Protocol):
    """An unbuffered binary stream, such as that below `sys.stderr`."""

    def write(self, data: bytes, /) -> int | None:
        """Write the beginning of `data`; answer how many bytes."""
        ...


def raw_stderr() -> Raw | None:
    """The unbuffered stream of stderr; None where there is none, as in a service of Windows."""
    buffer = getattr(sys.stderr, "buffer", None)
    return getattr(buffer, "raw", buffer)


class StderrHandler(LineHandler):
    """Writes records to an unbuffered stream. A broken one swallows them: the file is the log.

    Args:
        raw: the stream.
        encoding: of who reads it; what it doesn't have is escaped.
    """

    def __init__(self, raw: Raw, encoding: str) -> None:
        super().__init__("stderr")
        self._encoding = encoding
        self._queue: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        self._lines = WholeLines(raw.write)
        self._closed = False
        self._thread = threading.Thread(target=self._run, name="stderr", daemon=True)
        self._thread.start()

    def deliver(self, record: logging.LogRecord) -> None:
        """Hand the record's line to the thread."""
        line = f"{self.format(record)}\n".encode(self._encoding, "backslashreplace")
        if self._queue.qsize() >= QUEUE:
            raise BlockingIOError("nobody reads stderr")
        self._queue.put(line)

    def close(self) -> None:
        """Give the thread a moment to write what waits."""
        if not self._closed:
            self._closed = True
            self._queue.put(None)
            self._thread.join(CLOSE_TIMEOUT)
        super().close()

    def _run(self) -> None:
        leave_signals()
        while (line := self._queue.get()) is not None:
            with contextlib.suppress(OSError, ValueError):  # ValueError: closed
                self._lines.put(line)
