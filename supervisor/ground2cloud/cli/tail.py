"""Read the end of a log and follow it, through rotation, truncation, removal and return.

The place where reading stopped is known by the bytes before it, not by a handle kept open: on
Windows an open file can't be rotated, and an inode number is given to the next file soon after. A
file in which those bytes don't stand at that place is another file; then the rest is looked for in
the rotated ones, so that no line is missed.
"""

import os
from collections.abc import Callable, Iterator
from itertools import chain, count, takewhile
from pathlib import Path
from typing import BinaryIO

from ground2cloud.logs.rotate import numbered

_BLOCK = 65536
_MARK = 256  # bytes that tell one place in a log from every other: a time and some words


class Tail:
    """A place in a log, from which `read` goes on. It begins at the end of the last whole line."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.offset = _end_of_lines(path)
        self._mark = _bytes_before(path, self.offset)
        self._partial = b""

    def read(self) -> Iterator[str]:
        """Give every whole line that was written since the last time.

        Raises:
            OSError: the file may not be read; that it is missing is no error.
        """
        for file, start in self._unread():
            yield from self._lines(file, start)

    def _unread(self) -> Iterator[tuple[Path, int]]:
        """Name the files to read, the oldest first, each with where to begin."""
        if not self.offset or self._stands_in(self.path):
            yield self.path, self.offset
            return
        newer = [self.path]
        for file in _rotated(self.path):
            if self._stands_in(file):
                yield file, self.offset
                break
            newer.append(file)
        else:
            # It was emptied or replaced: only what is in the file now can be new.
            newer = [self.path]
        yield from ((file, 0) for file in reversed(newer) if _size(file))

    def _stands_in(self, file: Path) -> bool:
        return _bytes_before(file, self.offset) == self._mark

    def _lines(self, file: Path, start: int) -> Iterator[str]:
        try:
            handle = file.open("rb")
        except FileNotFoundError:
            return
        # Only now: a file that can't be opened has moved nothing.
        if start == 0:
            self._mark = self._partial = b""
        self.offset = start
        with handle:
            handle.seek(start)
            while block := handle.read(_BLOCK):
                self.offset += len(block)
                self._mark = (self._mark + block)[-_MARK:]
                *lines, self._partial = (self._partial + block).split(b"\n")
                yield from map(_text, lines)


def last_lines(path: Path, number: int, wanted: Callable[[str], bool], end: int) -> list[str]:
    """Give the last `number` wanted lines that end before `end`, from rotated files if need be.

    Raises:
        OSError: the file is missing or may not be read.
    """
    found: list[str] = []
    older = chain.from_iterable(_backwards(file, _size(file)) for file in _rotated(path))
    for line in chain(_backwards(path, end), older):
        if len(found) >= number:
            break
        if line and wanted(line):
            found.append(line)
    return found[::-1]


def _rotated(path: Path) -> Iterator[Path]:
    files = (numbered(path, number) for number in count(1))
    return takewhile(Path.exists, files)


def _backwards(path: Path, end: int) -> Iterator[str]:
    with path.open("rb") as file:
        rest = b""
        while end > 0:
            start = max(0, end - _BLOCK)
            rest, *lines = (_read_at(file, start, end - start) + rest).split(b"\n")
            yield from map(_text, reversed(lines))
            end = start
        yield _text(rest)


def _end_of_lines(path: Path) -> int:
    try:
        with path.open("rb") as file:
            end = file.seek(0, os.SEEK_END)
            while end > 0:
                start = max(0, end - _BLOCK)
                newline = _read_at(file, start, end - start).rfind(b"\n")
                if newline >= 0:
                    return start + newline + 1
                end = start
    except FileNotFoundError:
        pass
    return 0


def _bytes_before(path: Path, offset: int) -> bytes:
    start = max(0, offset - _MARK)
    try:
        with path.open("rb") as file:
            return _read_at(file, start, offset - start)
    except FileNotFoundError:
        return b""


def _read_at(file: BinaryIO, start: int, length: int) -> bytes:
    file.seek(start)
    return file.read(length)


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


def _text(line: bytes) -> str:
    return line.removesuffix(b"\r").decode("utf-8", "replace")
