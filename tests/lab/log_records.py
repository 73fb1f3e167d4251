"""Records and settings for tests of the log, and reading back what was written."""

import logging
import re
import sys
from dataclasses import dataclass
from pathlib import Path

from ground2cloud.logs.rotate import numbered


@dataclass(frozen=True)
class Settings:
    """As the `[log]` section; big enough never to rotate."""

    level: str = "info"
    format: str = "text"
    max_size: int = 10**9
    keep: int = 3


def record(
    message: str,
    *args: object,
    level: int = logging.INFO,
    name: str = "ground2cloud.test",
    error: BaseException | None = None,
    **fields: object,
) -> logging.LogRecord:
    """Make a record as `logging` does."""
    exc_info = None if error is None else (type(error), error, error.__traceback__)
    made = logging.LogRecord(name, level, __file__, 1, message, args, exc_info)
    made.__dict__.update(fields)
    return made


def raised(error: Exception) -> Exception:
    """Raise and catch it, so that it has a traceback."""
    try:
        raise error
    except type(error):
        caught = sys.exc_info()[1]
    assert isinstance(caught, Exception)
    return caught


def accounted_for(lines: list[str]) -> list[int]:
    """The numbers of the records, those filled in that a line between them calls lost."""
    numbers: list[int] = []
    for line in lines:
        if lost := re.search(r"(\d+) lines? lost ", line):
            numbers += range(len(numbers), len(numbers) + int(lost[1]))
        elif found := re.search(r"record (\d+) ", line):
            numbers.append(int(found[1]))
    return numbers


def lines_of(path: Path) -> list[str]:
    """Read the lines of the file; fails where the last one has no end."""
    text = path.read_bytes().decode()
    assert text == "" or text.endswith("\n")
    return text.splitlines()


def history(path: Path, keep: int) -> list[str]:
    """Read the lines of the rotated files and the file, the oldest first."""
    files = [numbered(path, number) for number in range(keep, 0, -1)] + [path]
    return [line for file in files if file.exists() for line in lines_of(file)]
