"""Log files on Windows. There is no journal."""

import os
import sys
from pathlib import Path
from typing import NoReturn

assert sys.platform == "win32"

OPEN_FLAGS = os.O_BINARY
"""One LF is one LF, so that sizes are what they are."""


def replaced(descriptor: int, path: Path) -> bool:  # noqa: ARG001 - the other platforms need them
    """Answer no: while it is open here, nobody can remove or rename it."""
    return False


class JournalSocket:
    """Stands where the journal's socket is elsewhere; nothing makes one."""

    def __init__(self, path: Path) -> None:
        raise FileNotFoundError(path)

    def send(self, datagram: bytes) -> NoReturn:
        """Never reached."""
        raise NotImplementedError(datagram)

    def close(self) -> None:
        """Never reached."""
