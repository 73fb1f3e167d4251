"""The log file: appended to, rotated by size, reopened when someone moved it, never in the way.

This process is the only writer. Every write goes to the end of the file (O_APPEND) and, when the
disk has room, is one whole line or none. Whatever fails (no space, no quota, no directory, no
permission, a disk that is gone) costs lines, which are counted, and nothing else: every record
tries again.
"""

import contextlib
import errno
import logging
import os
import stat
import time
from collections.abc import Callable
from pathlib import Path

from ground2cloud.logs._platform import OPEN_FLAGS, replaced
from ground2cloud.logs.lines import LineHandler, Tell, WholeLines, own_record
from ground2cloud.logs.rotate import MODE, Rename, Rotation

_FLAGS = os.O_WRONLY | os.O_APPEND | os.O_CREAT | OPEN_FLAGS


class FileHandler(LineHandler):
    """Writes records to a file, which is opened with the first one.

    Args:
        path: the file; its directory is made where it is missing.
        max_size: bytes after which the file is rotated; a single longer line is still written.
        keep: how many rotated files to keep.
        tell: takes a record that says so when the file can't be written any more.
        rename: as in `Rotation`.
        clock: monotonic seconds.
    """

    def __init__(
        self,
        path: Path,
        max_size: int,
        keep: int,
        *,
        tell: Tell | None = None,
        rename: Rename = os.replace,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__(f"the log file {path}", tell)
        self._path = path
        self._max_size = max_size
        self._keep = keep
        self._rename = rename
        self._clock = clock
        self._rotation = Rotation(path, rename)
        self._descriptor: int | None = None
        self._lines = WholeLines(self._write)
        self._begun = 0.0  # when the line that `_lines` has a rest of was logged,
        self._end = 0  # and how big the file was with its beginning

    @property
    def path(self) -> Path:
        """The file that is written now."""
        return self._path

    @property
    def owes(self) -> bool:
        """Whether a line about lost records or the rest of a line waits to be written."""
        return super().owes or bool(self._lines.rest)

    def change(self, path: Path, max_size: int, keep: int) -> None:
        """Go on with another file or other limits; no record is lost in between.

        Raises:
            OSError: the other file can't be opened; everything stays as it was.
        """
        self.acquire()
        try:
            if path != self._path:
                descriptor = open_log(path)
                self._say_goodbye(path)
                self._let_go()
                self._take(descriptor, path)
                self._rotation = Rotation(path, self._rename)
                self.what = f"the log file {path}"
            self._max_size = max_size
            self._keep = keep
        finally:
            self.release()

    def pay(self) -> None:
        """Open the file if need be and write what is owed, or raise OSError."""
        if self._descriptor is not None and replaced(self._descriptor, self._path):
            self._let_go()
        if self._descriptor is None:
            self._take(open_log(self._path), self._path)
        if self._lines.rest and os.fstat(self._opened).st_size < self._end:
            self._give_up("the file was emptied in the middle of it")
        self._lines.finish()
        super().pay()

    def deliver(self, record: logging.LogRecord) -> None:
        """Write the record, into a new file if this one has no room for it."""
        line = self.format(record).encode() + b"\n"
        self._lines.finish()
        if self._is_full(len(line)):
            self._rotate()
        self._lines.put(line)
        if self._lines.rest:
            self._begun = record.created
            self._end = os.fstat(self._opened).st_size

    def close(self) -> None:
        """Write what is owed if that is possible, and close the file."""
        self.acquire()
        try:
            self.settle()
            self._let_go()
        finally:
            self.release()
        super().close()

    @property
    def _opened(self) -> int:
        if self._descriptor is None:
            raise OSError(errno.EBADF, "the log file is not open")
        return self._descriptor

    def _write(self, data: bytes) -> int:
        return os.write(self._opened, data)

    def _take(self, descriptor: int, path: Path) -> None:
        self._descriptor = descriptor
        self._path = path
        self._lines.rest = b"\n" if is_torn(descriptor, path) else b""
        self._end = 0

    def _let_go(self) -> None:
        """Close the file for good. The rest of a line that doesn't fit into it any more is lost."""
        if self._descriptor is None:
            return
        try:
            self._lines.finish()
        except OSError as error:
            self._give_up(error.strerror or str(error))
        with contextlib.suppress(OSError):
            os.close(self._descriptor)
        self._descriptor = None

    def _give_up(self, reason: str) -> None:
        """Forget the rest of a line; without more than its end, it isn't lost."""
        if self._lines.rest != b"\n":
            self.losses.add(self._begun, reason)
        self._lines.rest = b""

    def _say_goodbye(self, path: Path) -> None:
        """Tell whoever follows this file where the log goes on."""
        if self._descriptor is None:
            return
        with contextlib.suppress(OSError):
            self.pay()
            self.deliver(own_record(logging.INFO, "log-moved", f"the log goes on in {path}"))

    def _is_full(self, more: int) -> bool:
        now = os.fstat(self._opened)
        return (
            stat.S_ISREG(now.st_mode)
            and now.st_size > 0
            and now.st_size + more > self._max_size
            and self._rotation.may_try(self._clock())
        )

    def _rotate(self) -> None:
        was_stuck = self._rotation.stuck
        self._let_go()
        self._rotation.rotate(self._keep, self._clock())
        self._take(open_log(self._path), self._path)
        if self._rotation.stuck and not was_stuck:
            text = f"{self.what} can't be rotated and grows on: {self._rotation.stuck}"
            self.deliver(own_record(logging.WARNING, "log-not-rotated", text))


def open_log(path: Path) -> int:
    """Open a log file to append to; make it and its directory where they are missing.

    Raises:
        OSError: that can't be done.
    """
    try:
        return os.open(path, _FLAGS, MODE)
    except FileNotFoundError:
        path.parent.mkdir(mode=0o750, parents=True, exist_ok=True)
        return os.open(path, _FLAGS, MODE)


def is_torn(descriptor: int, path: Path) -> bool:
    """Answer whether the file's last line has no end, as after a crash of the machine."""
    now = os.fstat(descriptor)
    if not stat.S_ISREG(now.st_mode) or not now.st_size:
        return False
    try:
        with path.open("rb") as file:
            file.seek(-1, os.SEEK_END)
            return file.read(1) != b"\n"
    except OSError:
        return False  # write-only, or emptied just now
