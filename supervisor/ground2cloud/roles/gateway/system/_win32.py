"""Windows: there is no gateway; agents run here."""

import sys
from collections.abc import Iterable
from pathlib import Path

from ground2cloud.roles.gateway.system.error import AccountError

assert sys.platform == "win32"


def current() -> str:
    """Answer with nothing: commands of a gateway end before they ask."""
    return ""


def must_change(user: str | None) -> bool:
    """Refuse."""
    del user
    raise AccountError("a gateway runs on Linux", "agents run on Windows too")


def become(user: str) -> None:
    """Refuse."""
    must_change(user)


def exec_as(
    user: str, arguments: Iterable[str], *, directories: Iterable[Path], ports: Iterable[int]
) -> None:
    """Refuse."""
    del arguments, directories, ports
    must_change(user)


def begin_anew(arguments: Iterable[str]) -> None:
    """Refuse."""
    del arguments
    must_change(None)


def take_files() -> None:
    """Refuse."""
    must_change(None)


def command_as(
    user: str, privileges: str = "-all", *, die_with_parent: bool = False
) -> tuple[str, ...]:
    """Refuse."""
    del privileges, die_with_parent
    must_change(user)
    return ()


def share(path: Path, user: str) -> None:
    """Refuse."""
    del path
    must_change(user)


def number() -> int:
    """Answer with nobody's."""
    return -1


def reach(directory: Path, user: str) -> None:
    """Refuse."""
    del directory
    must_change(user)


def require_own(directory: Path, user: str) -> None:
    """Refuse."""
    del directory
    must_change(user)


def require_reading(file: Path, user: str) -> None:
    """Refuse."""
    del file
    must_change(user)


def give(directory: Path, user: str) -> None:
    """Refuse."""
    del directory
    must_change(user)


def load() -> float:
    """Answer with no load."""
    return 0.0


def open_files() -> int:
    """Answer with what Windows lets a process have at least."""
    return 512
