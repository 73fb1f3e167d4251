"""Log files and the journal on Linux, macOS and the BSDs."""

import os
import socket
import sys
from pathlib import Path

assert sys.platform != "win32"

OPEN_FLAGS = os.O_NONBLOCK | os.O_NOCTTY
"""A pipe or a terminal in the log's place must neither hold the program up nor adopt it."""


def replaced(descriptor: int, path: Path) -> bool:
    """Answer whether `path` is no longer the open file: removed or renamed, as logrotate does."""
    try:
        there = path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return True
    except OSError:
        return False  # can't be seen now; the open file is as good as any
    return not os.path.samestat(there, os.fstat(descriptor))


class JournalSocket:
    """Sends datagrams to the journal without ever waiting for it.

    Raises:
        FileNotFoundError: there is no such socket.
    """

    def __init__(self, path: Path) -> None:
        if not path.is_socket():
            raise FileNotFoundError(path)
        self._path = str(path)
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.settimeout(0)

    def send(self, datagram: bytes) -> None:
        """Send one entry, or raise OSError. A journal that was restarted is found again."""
        self._socket.sendto(datagram, self._path)

    def close(self) -> None:
        """Close the socket."""
        self._socket.close()
