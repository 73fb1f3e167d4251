"""What the handlers have in common: they never raise, and they account for what they lost.

A record that can't be written is lost and counted; the program goes on. As soon as a line can be
written again, the first one says how many were lost, since when and why.
"""

import contextlib
import errno
import logging
import os
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass

from ground2cloud.core.clock import iso

Tell = Callable[[logging.LogRecord], object]


@dataclass(slots=True)
class Losses:
    """The records lost since the last one that was written. Times in seconds since 1970."""

    count: int = 0
    first: float = 0.0
    last: float = 0.0
    reason: str = ""

    def add(self, created: float, reason: str) -> None:
        """Count one record; the reason of the first stands for all."""
        if not self.count:
            self.first = self.last = created
            self.reason = reason
        self.count += 1
        self.first = min(self.first, created)
        self.last = max(self.last, created)

    def __str__(self) -> str:
        if self.count == 1:
            return f"1 line lost at {iso(self.first)}: {self.reason}"
        span = f"{iso(self.first)} and {iso(self.last)}"
        return f"{self.count} lines lost between {span}: {self.reason}"


class LineHandler(ABC, logging.Handler):
    """A handler that counts what it loses.

    Args:
        what: what is written to, as a person calls it (`log file /var/log/…`).
        tell: takes a record that says so when losing begins; another handler's `handle`.
    """

    def __init__(self, what: str, tell: Tell | None = None) -> None:
        super().__init__()
        self.what = what
        self.losses = Losses()
        self._tell = tell

    @abstractmethod
    def deliver(self, record: logging.LogRecord) -> None:
        """Write one record whole, or raise OSError and have written nothing of it."""

    def emit(self, record: logging.LogRecord) -> None:
        """Write a record, after what is owed."""
        try:
            self.pay()
            self.deliver(record)
        except OSError as error:
            self._lose(record, error.strerror or str(error))
        except Exception as defect:  # noqa: BLE001 - a defect here must not end who wanted to log
            self._lose(record, f"defect: {defect!r}")

    @property
    def owes(self) -> bool:
        """Whether something waits to be written that no record brought along."""
        return bool(self.losses.count)

    def settle(self) -> None:
        """Write what is owed, if that is possible by now; call it every now and then."""
        self.acquire()
        try:
            if self.owes:
                self.pay()
        except OSError:
            return  # still owed
        finally:
            self.release()

    def pay(self) -> None:
        """Write the line about lost records if there were any, or raise OSError."""
        if self.losses.count:
            self.deliver(own_record(logging.WARNING, "log-lines-lost", str(self.losses)))
            self.losses = Losses()

    def _lose(self, record: logging.LogRecord, reason: str) -> None:
        self.losses.add(record.created, reason)
        if self.losses.count == 1 and self._tell is not None:
            text = f"{self.what} can't be written: {reason}; lines are lost until it can"
            self._tell(own_record(logging.ERROR, "log-unwritable", text))


class WholeLines:
    """Writes lines to what may take a part of one and then no more, as a full disk does.

    The rest of a line that was begun is kept and written before anything else, so that no line is
    torn, none is glued to another, and its record isn't lost.

    Args:
        write: writes the beginning of some bytes and answers how many; None or 0 is "none now".
    """

    def __init__(self, write: Callable[[bytes], int | None]) -> None:
        self._write = write
        self.rest = b""

    def put(self, line: bytes) -> None:
        """Write a line with its end, or raise OSError and have written nothing of it."""
        self.finish()
        self.rest = self._some(line)
        with contextlib.suppress(OSError):
            self.finish()

    def finish(self) -> None:
        """Write what is left of the line that was begun, or raise OSError."""
        while self.rest:
            self.rest = self._some(self.rest)

    def _some(self, data: bytes) -> bytes:
        written = self._write(data)
        if not written:
            raise BlockingIOError(errno.EAGAIN, os.strerror(errno.EAGAIN))
        return data[written:]


def own_record(level: int, event: str, message: str) -> logging.LogRecord:
    """A record of this package's own, as of now, for a handler directly."""
    record = logging.LogRecord(__name__, level, __file__, 0, message, None, None)
    record.event = event
    return record
