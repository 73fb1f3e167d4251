"""The way from a path to the file it means, through every symbolic link.

A file changes for its reader when it is written, but also when any link on the way to it is
swapped: Kubernetes updates `agent.toml -> ..data/agent.toml` by renaming a new `..data` over the
old one, and nothing happens to `agent.toml` or to the file it used to mean.
"""

import os
import stat
from pathlib import Path

MAX_LINKS = 40
"""Links followed before the way is called a circle; Linux follows as many (path_resolution(7))."""


def route(path: Path) -> frozenset[Path]:
    """The names that decide what `path` means: every link on the way, and the file at its end.

    The directory of each is real, free of links, so it can be watched as it stands. Where
    something is missing the way ends there, with the missing name: it may come.
    """
    links: set[Path] = set()
    followed = 0
    absolute = path.absolute()
    here, todo = Path(absolute.anchor), _steps(absolute)
    while todo:
        name = todo.pop()
        entry = here.parent if name == os.pardir else here / name
        mode = _mode(entry)
        if stat.S_ISLNK(mode) and followed < MAX_LINKS:
            followed += 1
            links.add(entry)
            target = _target(entry)
            here /= target.anchor  # an absolute target starts anew, a relative one goes on here
            todo += _steps(target)
            continue
        here = entry
        if not stat.S_ISDIR(mode):
            break
    return frozenset(links | {here})


def _steps(path: Path) -> list[str]:
    """The names on the way from the anchor, the first one last."""
    return list(reversed(path.parts[1:] if path.anchor else path.parts))


def _mode(entry: Path) -> int:
    """Kind of what has this very name; 0 when there is nothing, or nothing to be known."""
    try:
        return entry.lstat().st_mode
    except OSError:
        return 0


def _target(link: Path) -> Path:
    try:
        return link.readlink()
    except OSError:
        return Path()  # no link any more: whoever replaced it causes the next look
