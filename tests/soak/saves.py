"""The ways in which people and programs save a file."""

import time
from collections.abc import Callable
from pathlib import Path


def in_place(path: Path, text: str) -> None:
    """Truncate and write, as `cat >` and many editors do."""
    path.write_text(text, "utf-8")


def by_rename(path: Path, text: str) -> None:
    """Write beside it and rename over it, as vim, `sed -i` and careful programs do."""
    new = path.with_name(f".{path.name}.new")
    new.write_text(text, "utf-8")
    new.rename(path)


def slowly(path: Path, text: str) -> None:
    """Truncate, then write in pieces, as a copy over a bad network does."""
    size = max(1, len(text) // 4)
    with path.open("w", encoding="utf-8") as file:
        for start in range(0, len(text), size):
            file.write(text[start : start + size])
            file.flush()
            time.sleep(0.05)


def away_and_back(path: Path, text: str) -> None:
    """Remove it and put another one in its place a moment later."""
    path.unlink()
    time.sleep(0.1)
    path.write_text(text, "utf-8")


def by_symlink(path: Path, text: str) -> None:
    """Swap a symbolic link to another version, as Kubernetes does."""
    # Two versions in turn, so that the directory doesn't fill up with what nobody removes.
    versions = [path.with_name(f"{path.stem}.{number}.toml") for number in (0, 1)]
    [target, *_] = [version for version in versions if version != path.resolve()]
    target.write_text(text, "utf-8")
    link = path.with_name(f".{path.name}.link")
    link.symlink_to(target.name)
    link.rename(path)


WAYS: tuple[Callable[[Path, str], None], ...] = (
    in_place,
    by_rename,
    slowly,
    away_and_back,
    by_symlink,
)
