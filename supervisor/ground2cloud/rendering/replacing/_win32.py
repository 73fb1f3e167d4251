"""Replacing a file on Windows, where a file that someone has open can't be replaced."""

import sys
import threading
from pathlib import Path

assert sys.platform == "win32"

_TRIES = 10
_PAUSE = 0.03
"""Seconds. A virus scanner or an editor looks into a new file for a moment; longer blocks us."""


def set_mode(path: Path, mode: int) -> None:
    """Do nothing: who may read is decided by the directory's ACL."""
    del path, mode


def replace(source: Path, target: Path) -> None:
    """Put `source` where `target` is, with short retries while someone has the target open.

    Raises:
        OSError: it stays open for longer, the target is a directory, or the like.
    """
    for _ in range(_TRIES - 1):
        try:
            source.replace(target)
        except PermissionError:
            threading.Event().wait(_PAUSE)
        else:
            return
    source.replace(target)


def give_to_owner(path: Path) -> None:
    """Do nothing: a file inherits from its directory who may read it."""
    del path


def settle(directory: Path) -> None:
    """Do nothing: a directory can't be opened, and NTFS journals its entries."""
    del directory
