"""The audit log: every administrative act, registration, refusal and claim, one JSON line each.

It is only ever appended to, and readable for its owner alone. Each record is one write to the end
of the file, so that the gateway and the operator's commands may write it at the same time. The
file is opened for each record: whoever rotates it needs to tell nobody. The gateway, and it alone,
renames a full one (`audit.log` → `audit.log.20261122T101503.120Z`), and removes the oldest of those
as a whole. Whatever fails costs records, which are counted and told, and nothing else.
"""

import contextlib
import json
import logging
import os
import stat
import threading
from collections.abc import Mapping
from pathlib import Path

from ground2cloud.core.clock import iso
from ground2cloud.logs.fields import log

LONGEST = 1000
"""Most characters of a text in a record."""

_FLAGS = os.O_RDWR | os.O_APPEND | os.O_CREAT | getattr(os, "O_CLOEXEC", 0)
_MODE = 0o600
_log = logging.getLogger(__name__)

Value = str | float | bool | list[str] | list[int] | tuple[str, ...] | tuple[int, ...] | None
"""What a field of a record may be."""


class Audit:
    """Appends records to a file, which is made with the first of them.

    Args:
        path: the file; its directory must be there.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._turn = threading.Lock()
        self._lost = 0
        self._lost_since = 0.0
        self._told = 0
        self._max_size: int | None = None
        self._keep = 0
        self.trouble: str | None = None
        """Why records can't be written now, for people; None when the last one could."""

    def bound(self, max_size: int, keep: int) -> None:
        """Begin another file after so many bytes, and keep so many of those that are full.

        Only for the one process of the gateway: two would rename what the other has just begun.
        """
        with self._turn:
            self._max_size, self._keep = max_size, keep

    def write(self, act: str, now: float, **fields: Value) -> bool:
        """Write what happened; answer whether it is in the file. Never raises for the disk.

        Args:
            act: a stable slug: `registered`, `revoked`, `claim-refused`.
            now: when, in seconds since the epoch.
            fields: whatever belongs to it: `registration=1001, address="203.0.113.7"`. Nothing
                secret: the file may be shipped to another machine.
        """
        with self._turn:
            try:
                self._rotate(now)
                self._tell_lost(now)
                self._append(_line(act, now, fields))
            except OSError as error:
                self._lose(error.strerror or str(error), now)
                return False
            self._recover()
            return True

    def _tell_lost(self, now: float) -> None:
        if self._lost:
            lost: dict[str, Value] = {"lost": self._lost, "since": iso(self._lost_since)}
            self._append(_line("audit-lost", now, lost))
            self._told += self._lost
            self._lost = 0  # whatever is lost from here on is counted anew: the sum is right

    def _rotate(self, now: float) -> None:
        """Move a full file aside; where that can't be done it grows on."""
        if self._max_size is None:
            return
        with contextlib.suppress(OSError):
            found = self._path.stat()
            if stat.S_ISREG(found.st_mode) and found.st_size >= self._max_size:
                moment = iso(now).replace("-", "").replace(":", "")
                target = self._path.with_name(f"{self._path.name}.{moment}")
                if not target.exists():
                    self._path.rename(target)
                    self._prune()

    def _prune(self) -> None:
        full = sorted(self._path.parent.glob(f"{self._path.name}.*T*Z"))
        for oldest in full[: -self._keep]:
            oldest.unlink()

    def _append(self, line: bytes) -> None:
        descriptor = os.open(self._path, _FLAGS, _MODE)
        try:
            whole = b"\n" + line if _is_torn(descriptor) else line
            if os.write(descriptor, whole) < len(whole):
                # The rest would have to be a second write; the next record ends this line.
                raise OSError(0, "only a part of a record found room")
        finally:
            os.close(descriptor)

    def _lose(self, reason: str, now: float) -> None:
        if not self._lost:
            self._lost_since = now
        self._lost += 1
        said_before = self.trouble is not None
        self.trouble = f"the audit log {self._path} can't be written: {reason}"
        if not said_before:
            log(_log, logging.ERROR, "audit-trouble", self.trouble)

    def _recover(self) -> None:
        if self.trouble is not None:
            text = f"the audit log {self._path} is written again; {self._told} records are lost"
            log(_log, logging.WARNING, "audit-again", text)
        self._told = 0
        self.trouble = None


def _line(act: str, now: float, fields: Mapping[str, Value]) -> bytes:
    record = {"at": iso(now), "act": act} | {name: _clip(value) for name, value in fields.items()}
    # ASCII only: nothing in it can act on a terminal or end a line.
    return json.dumps(record, separators=(",", ":"), ensure_ascii=True).encode() + b"\n"


def _clip(value: Value) -> Value:
    return value[:LONGEST] if isinstance(value, str) else value


def _is_torn(descriptor: int) -> bool:
    """Answer whether the last line has no end, as after a full disk or a crash of the machine.

    A line that another process is just writing has none yet either (a file's size grows page by
    page), but it is longer once the write is over. Changing the mode waits for that: both take
    the inode's lock.
    """
    size = _size_without_end(descriptor)
    if not size:
        return False
    with contextlib.suppress(PermissionError):
        os.chmod(descriptor, _MODE)
    return _size_without_end(descriptor) == size


def _size_without_end(descriptor: int) -> int:
    """Return the size of a file whose last line has no end, 0 for any other."""
    now = os.fstat(descriptor)
    if not stat.S_ISREG(now.st_mode) or not now.st_size:
        return 0
    os.lseek(descriptor, now.st_size - 1, os.SEEK_SET)
    return now.st_size if os.read(descriptor, 1) != b"\n" else 0
