"""POSIX: the mode says it, and for a directory the sticky bit."""

import shlex
import stat
import sys
from pathlib import Path

assert sys.platform != "win32"

_OTHERS_WRITE = stat.S_IWGRP | stat.S_IWOTH


def changeable_by_others(path: Path) -> str:
    """Answer with the command that ends it; empty where nobody but the owner may change `path`.

    In a directory with the sticky bit everyone may only change what is his own.

    Raises:
        OSError: it can't be looked at.
    """
    mode = path.stat().st_mode
    if not mode & _OTHERS_WRITE or (stat.S_ISDIR(mode) and mode & stat.S_ISVTX):
        return ""
    return f"chmod go-w {shlex.quote(str(path))}"
