"""What of a file counts: its content, whether it can be read, and for a key who may read it."""

import errno
import hashlib
import os
import stat
from enum import Enum, auto
from pathlib import Path
from typing import NamedTuple

READ_LIMIT = 16 * 1024 * 1024
"""Bytes looked at; beyond it only the size counts. No file watched here is anywhere near."""

# Opening a named pipe that stands in the file's place must not wait for a writer.
_NONBLOCK = getattr(os, "O_NONBLOCK", 0)  # Windows has no such pipes
_NO_FILE = frozenset({errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.ENAMETOOLONG})
_NO_REGULAR_FILE = frozenset({errno.ENXIO, errno.EISDIR})  # a socket; a directory


class Kind(Enum):
    """What is found under a path."""

    FILE = auto()
    MISSING = auto()
    UNREADABLE = auto()
    OTHER = auto()
    """A directory, a pipe, a device: nothing to read a configuration from."""


class Fingerprint(NamedTuple):
    """Equal for two moments exactly when nothing that counts happened between them."""

    kind: Kind
    size: int = 0
    digest: bytes = b""
    access: tuple[int, int] | None = None
    """Mode and owner, where these count."""


def fingerprint(path: Path, *, with_access: bool) -> Fingerprint:
    """Look at the file under `path`; `with_access` makes its mode and owner count as well.

    Raises:
        OSError: nothing can be said now (no descriptor left, a network file system is away).
    """
    try:
        return _read(path, with_access=with_access)
    except PermissionError:
        return Fingerprint(Kind.UNREADABLE, access=_access(path) if with_access else None)
    except OSError as error:
        if error.errno in _NO_FILE:
            return Fingerprint(Kind.MISSING)
        if error.errno in _NO_REGULAR_FILE:
            return Fingerprint(Kind.OTHER)
        raise


def _read(path: Path, *, with_access: bool) -> Fingerprint:
    # Not Path.open, which takes no opener.
    with open(path, "rb", buffering=0, opener=_open) as file:
        status = os.fstat(file.fileno())
        if not stat.S_ISREG(status.st_mode):
            return Fingerprint(Kind.OTHER)
        content = file.read(min(status.st_size + 1, READ_LIMIT))
    access = (stat.S_IMODE(status.st_mode), status.st_uid) if with_access else None
    size = max(status.st_size, len(content))
    return Fingerprint(Kind.FILE, size, hashlib.blake2b(content).digest(), access)


def _open(path: str, flags: int) -> int:
    return os.open(path, flags | _NONBLOCK)


def _access(path: Path) -> tuple[int, int] | None:
    try:
        status = path.stat()
    except OSError:
        return None  # its directory is closed to us
    return stat.S_IMODE(status.st_mode), status.st_uid
