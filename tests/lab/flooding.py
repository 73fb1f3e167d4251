"""Strangers who open connections and say nothing."""

import contextlib
import socket
from collections.abc import Iterable, Iterator


class Flood:
    """Open connections, of which the other side may have ended some."""

    def __init__(self, connections: list[socket.socket]) -> None:
        self._connections = connections

    @property
    def left(self) -> int:
        """How many the other side has not ended; more come in until all have been accepted."""
        return sum(not _is_over(connection) for connection in self._connections)


@contextlib.contextmanager
def flooding(addresses: Iterable[tuple[str, int]]) -> Iterator[Flood]:
    """Open a connection to each of them, and close what is left in the end."""
    with contextlib.ExitStack() as stack:
        yield Flood(
            [
                stack.enter_context(socket.create_connection(address, timeout=20))
                for address in addresses
            ]
        )


def _is_over(connection: socket.socket) -> bool:
    connection.settimeout(0)
    try:
        return connection.recv(1) == b""
    except BlockingIOError:
        return False
    except OSError:
        return True
