"""Replacing a file on Linux, macOS and the BSDs."""

import contextlib
import os
import stat
import sys
from pathlib import Path

assert sys.platform != "win32"


def set_mode(path: Path, mode: int) -> None:
    """Give a file its permissions, if it has others.

    Raises:
        OSError: it belongs to someone else.
    """
    if stat.S_IMODE(path.lstat().st_mode) != mode:
        path.chmod(mode)


def replace(source: Path, target: Path) -> None:
    """Put `source` where `target` is.

    Raises:
        OSError: the target is a directory, or the like.
    """
    source.replace(target)


def give_to_owner(path: Path) -> None:
    """Give a file to the owner of its directory, where this account is root and may.

    A command that an administrator runs writes what a service's own account has to read.
    """
    with contextlib.suppress(OSError):
        owner, found = path.parent.stat(), path.lstat()
        if os.geteuid() == 0 and (owner.st_uid, owner.st_gid) != (found.st_uid, found.st_gid):
            os.chown(path, owner.st_uid, owner.st_gid, follow_symlinks=False)


def settle(directory: Path) -> None:
    """Flush a directory's entries to the disk; a file system that can't has done what it can."""
    with contextlib.suppress(OSError):
        descriptor = os.open(directory, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
