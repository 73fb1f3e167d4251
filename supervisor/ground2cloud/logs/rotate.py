"""Move a full log file aside: agent.log → agent.log.1 → agent.log.2 … up to the number to keep.

On Windows a file that someone follows can't be renamed: nearly every reader opens it without
allowing that. So the ways are, in this order: rename, again a moment later and once more (a virus
scanner holds a file for a moment only), then copy and truncate, which `tail -F` and
`Get-Content -Wait` follow too. Where even that fails, the file grows on and the next try is later.

Nothing here waits: a try happens when a record comes and enough time has passed.
"""

import contextlib
import os
import shutil
from collections.abc import Callable
from pathlib import Path

RENAMES = 3
"""Tries to rename before the file is copied."""

RETRY_AFTER = 0.1
"""Seconds between two tries to rename."""

LATER = 30.0
"""Seconds until everything is tried again where nothing worked."""

COPY_CHUNK = 1 << 20

MODE = 0o640
"""The group may read, where the umask lets it: the log names hosts, users and addresses, but no
secret, and an administrator shouldn't have to be root to follow it."""

Rename = Callable[[Path, Path], object]


class Rotation:
    """The rotation of one file. Times are monotonic seconds.

    Args:
        path: the file; it must be closed while `rotate` runs.
        rename: how files are renamed; Windows refuses while someone has the file open.
    """

    def __init__(self, path: Path, rename: Rename = os.replace) -> None:
        self._path = path
        self._rename = rename
        self._failures = 0
        self._not_before = float("-inf")
        self.stuck = ""  # why nothing worked, as long as nothing does

    def may_try(self, now: float) -> bool:
        """Answer whether a try that failed is long enough ago."""
        return now >= self._not_before

    def rotate(self, keep: int, now: float) -> bool:
        """Try once to move the file aside; answer whether that is done. Never raises OSError."""
        try:
            make_room(self._path, keep, self._rename)
            if self._failures < RENAMES:
                self._rename(self._path, numbered(self._path, 1))
            else:
                copy_and_truncate(self._path, numbered(self._path, 1))
        except FileNotFoundError:
            pass  # someone else moved it aside
        except OSError as error:
            self._failures += 1
            self._not_before = now + RETRY_AFTER
            if self._failures > RENAMES:
                self._failures = 0
                self._not_before = now + LATER
                self.stuck = error.strerror or str(error)
            return False
        self._failures = 0
        self.stuck = ""
        return True


def numbered(path: Path, number: int) -> Path:
    """The rotated file of that number; 1 is the newest."""
    return path.with_name(f"{path.name}.{number}")


def make_room(path: Path, keep: int, rename: Rename) -> None:
    """Free the place of number 1: remove what is beyond `keep`, move the others up by one.

    What a failed try has moved already stays where it is: only the files below the first gap move.

    Raises:
        OSError: a file can't be moved.
    """
    beyond = keep + 1
    while (doomed := numbered(path, beyond)).exists():
        doomed.unlink()
        beyond += 1
    gap = next((n for n in range(1, keep) if not numbered(path, n).exists()), keep)
    numbered(path, gap).unlink(missing_ok=True)
    for number in range(gap - 1, 0, -1):
        rename(numbered(path, number), numbered(path, number + 1))


def copy_and_truncate(path: Path, target: Path) -> None:
    """Copy the file and empty it; leaves no half copy.

    Raises:
        OSError: a disk that is full; the file is as it was.
    """
    try:
        with path.open("rb") as old, open(target, "wb", opener=_opener) as new:
            shutil.copyfileobj(old, new, COPY_CHUNK)
        os.truncate(path, 0)
    except OSError:
        with contextlib.suppress(OSError):
            target.unlink()
        raise


def _opener(path: str, flags: int) -> int:
    return os.open(path, flags, MODE)
