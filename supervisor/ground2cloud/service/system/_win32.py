"""Services on Windows run as virtual accounts; who may read what is set with icacls."""

import subprocess  # noqa: TID251 - list2cmdline only: how programs split a command line
import sys
from collections.abc import Sequence
from pathlib import Path

assert sys.platform == "win32"


def create_account(name: str, home: Path) -> tuple[str, ...] | None:
    r"""Answer None: the account of a service (`NT SERVICE\NAME`) exists with the service."""
    del name, home
    return None


def remove_account(name: str) -> list[tuple[str, ...]]:
    """Answer with no command: it goes with the service."""
    del name
    return []


def give(path: Path, mode: int, owner: str, group: str) -> bool:
    """Do nothing: who may read is decided by the ACL of the directory."""
    del path, mode, owner, group
    return False


def closed_to_others(path: Path, *, homes: bool = True) -> Path | None:
    """Answer with the folder of a user's profile that `path` is in, which no service may enter."""
    profiles = Path.home().parent
    return profiles if homes and profiles in path.resolve().parents else None


def quote(argv: Sequence[str]) -> str:
    """Write a command for PowerShell."""
    if any('"' in word for word in argv[1:]):
        # PowerShell before 7.3 loses a quote inside a word; after --% it changes nothing.
        return f"& {quote_word(argv[0])} --% {subprocess.list2cmdline(argv[1:])}"
    first, *rest = (quote_word(word) for word in argv)
    call = f"& {first}" if first.startswith("'") else first
    return " ".join((call, *rest))


def as_administrator(command: str) -> str:
    """Answer with the command itself: Windows has no prefix for it."""
    return command


def quote_word(text: str) -> str:
    """Write one word for PowerShell."""
    plain = text and all(letter.isalnum() or letter in "-_.:\\/=" for letter in text)
    return text if plain else "'" + text.replace("'", "''") + "'"
