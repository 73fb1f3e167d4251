"""Write a file so that every reader sees the old content or the new one, never a part.

Also through a crash, a full disk and a power cut: the content is on the disk before it gets its
name. What is unchanged is not written again, so that nothing that watches the file wakes up.
"""

import os
import stat
import tempfile
from pathlib import Path

from ground2cloud.rendering.replacing import replace, set_mode, settle

DIRECTORY_MODE = 0o700


def write_atomic(path: Path, text: str | bytes, *, mode: int = 0o600) -> bool:
    """Make `path` a regular file with this content; answer whether the content changed.

    Missing directories are created for the current user alone. A link at `path` is replaced, not
    followed. Text is written as UTF-8, its line ends as they are.

    Raises:
        OSError: it can't be written (a full disk, a missing right); the old file is as it was.
    """
    content = text.encode() if isinstance(text, str) else text
    same = _has(path, content)
    if same and _take_mode(path, mode):
        return False
    make_private_directory(path.parent)
    _write(path, content, mode)
    return not same


def make_private_directory(directory: Path) -> None:
    """Create a directory, and those above it that are missing, for the current user alone (0700).

    What exists is left as it is.

    Raises:
        OSError: it can't be created, or something else has its name.
    """
    if directory.is_dir():
        return
    if directory != directory.parent:  # a drive that isn't there is its own parent
        make_private_directory(directory.parent)
    directory.mkdir(mode=DIRECTORY_MODE, exist_ok=True)


def _has(path: Path, content: bytes) -> bool:
    """Whether `path` is a regular file, and no link, with exactly this content."""
    try:
        found = path.lstat()
        same = stat.S_ISREG(found.st_mode) and found.st_size == len(content)
        return same and path.read_bytes() == content
    except OSError:
        return False


def _take_mode(path: Path, mode: int) -> bool:
    """Give a file its permissions; answer False if it is someone else's, to be replaced by ours."""
    try:
        set_mode(path, mode)
    except PermissionError:
        return False
    return True


def _write(path: Path, content: bytes, mode: int) -> None:
    # mkstemp: a name nobody guessed, created 0600 and never through a link.
    prefix = f".{path.name[:32]}."
    descriptor, name = tempfile.mkstemp(prefix=prefix, suffix=".tmp", dir=path.parent)
    temporary = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        set_mode(temporary, mode)
        replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    settle(path.parent)
