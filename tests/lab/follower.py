"""Someone who follows a log file, as `tail -F` and `Get-Content -Wait` do, without a process."""

import contextlib
import os
from pathlib import Path
from typing import BinaryIO


class Follower:
    """Holds the file open between two looks, and starts over when it is another or was emptied."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: BinaryIO | None = None
        self._partial = b""
        self.lines: list[str] = []

    def look(self) -> None:
        """Read what is new."""
        self._read()
        if self._file is not None and not self._is_current(self._file):
            self.let_go()
        if self._file is None:
            with contextlib.suppress(FileNotFoundError):
                self._file = self._path.open("rb")
            self._read()

    def refuse(self, source: Path, target: Path) -> None:
        """Rename as Windows does: not while the file is held open."""
        if self._file is not None and source == self._path:
            raise PermissionError(13, "The process cannot access the file")
        source.replace(target)

    def let_go(self) -> None:
        """Close the file; the next look opens it again."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def _read(self) -> None:
        if self._file is None:
            return
        *complete, self._partial = (self._partial + self._file.read()).split(b"\n")
        self.lines += [line.decode() for line in complete]

    def _is_current(self, file: BinaryIO) -> bool:
        opened = os.fstat(file.fileno())
        try:
            there = self._path.stat()
        except FileNotFoundError:
            return False
        return os.path.samestat(opened, there) and opened.st_size >= file.tell()
