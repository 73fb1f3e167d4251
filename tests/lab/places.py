"""Private directories with short paths.

pytest's own directories are too long for a Unix socket inside (ssh's ControlPath has 90 bytes).
"""

import contextlib
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path


def make_short_directory() -> Path:
    """Create a directory that only the current user can enter (0700); the caller removes it."""
    short = Path("/tmp")  # noqa: S108 - mkdtemp makes the name unguessable and the mode 0700
    return Path(tempfile.mkdtemp(prefix="g2c-", dir=short if short.is_dir() else None)).resolve()


@contextlib.contextmanager
def short_directory() -> Iterator[Path]:
    """Lend such a directory and remove it with everything in it."""
    directory = make_short_directory()
    try:
        yield directory
    finally:
        shutil.rmtree(directory)
