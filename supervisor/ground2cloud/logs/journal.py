"""The journal, as sd-daemon(3) and sd_journal_print(3) describe it, and plain stderr elsewhere.

Under systemd stderr is the journal when JOURNAL_STREAM names its device and inode. Then records go
to the journal's own socket with their fields; where that can't be reached, to stderr with a
priority `<N>` in front of each line. `ground2cloud` is the identifier of both.
"""

import logging
import os
from collections.abc import Mapping
from pathlib import Path

from ground2cloud.logs._platform import JournalSocket
from ground2cloud.logs.fields import FIELDS
from ground2cloud.logs.format import field, level_of, sentence
from ground2cloud.logs.lines import LineHandler

SOCKET = Path("/run/systemd/journal/socket")

IDENTIFIER = "ground2cloud"

PRIORITIES = {logging.DEBUG: 7, logging.INFO: 6, logging.WARNING: 4, logging.ERROR: 3}
"""syslog(3)."""


def is_journal(descriptor: int, environ: Mapping[str, str]) -> bool:
    """Answer whether the open descriptor is the journal's stream, as `JOURNAL_STREAM` says."""
    try:
        now = os.fstat(descriptor)
    except OSError:
        return False
    return environ.get("JOURNAL_STREAM") == f"{now.st_dev}:{now.st_ino}"


class PriorityFormatter(logging.Formatter):
    """Lines for a stream that the journal reads: it adds the time, and takes `<N>` off."""

    def format(self, record: logging.LogRecord) -> str:
        """Answer the record as one line without its end."""
        return f"<{PRIORITIES[level_of(record)]}>{sentence(record)}"


class JournalHandler(LineHandler):
    """Sends records to the journal with their fields: `journalctl G2C_LANE=lane1`.

    Raises:
        OSError: there is no such socket.
    """

    def __init__(self, path: Path = SOCKET) -> None:
        super().__init__("the journal")
        self._socket = JournalSocket(path)

    def deliver(self, record: logging.LogRecord) -> None:
        """Send one entry; never waits."""
        self._socket.send(entry(record))

    def close(self) -> None:
        """Close the socket."""
        self._socket.close()
        super().close()


def entry(record: logging.LogRecord) -> bytes:
    """The record in the journal's native protocol, its simple form: no value holds a newline."""
    fields: dict[str, object] = {
        "MESSAGE": sentence(record),
        "PRIORITY": PRIORITIES[level_of(record)],
        "SYSLOG_IDENTIFIER": IDENTIFIER,
    }
    fields |= {f"G2C_{name.upper()}": field(record, name) for name in FIELDS}
    lines = [f"{name}={value}\n" for name, value in fields.items() if value is not None]
    return "".join(lines).encode()
