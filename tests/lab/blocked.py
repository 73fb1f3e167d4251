"""An endpoint that leads nowhere, in the ways in which a network does that."""

import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import pytest

from tests.lab.ports import free_port


@contextmanager
def blocked(how: str) -> Iterator[int]:
    """Lend a port of an endpoint that leads nowhere."""
    if how == "refused":
        yield free_port()
        return
    with ExitStack() as stack:
        listening = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=0))
        port = listening.getsockname()[1]
        # With its queue full, the kernel drops what comes, as a firewall does.
        for _ in range(2 if how == "dropped" else 0):
            waiting = stack.enter_context(socket.socket())
            waiting.settimeout(0)
            waiting.connect_ex(("127.0.0.1", port))
        if how == "dropped":
            with pytest.raises(TimeoutError):
                socket.create_connection(("127.0.0.1", port), timeout=0.5)
        yield port
