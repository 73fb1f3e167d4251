"""Servers that are no sshd: tiny real TCP listeners, each with one bad habit."""

import contextlib
import select
import socket
import struct
from collections.abc import Callable, Iterator

BANNER = b"SSH-2.0-Tiny\r\n"
_DISCONNECT = 1  # SSH_MSG_DISCONNECT, RFC 4253


def closes(connection: socket.socket) -> None:
    """Say goodbye in order."""
    connection.recv(1000)


def resets(connection: socket.socket) -> None:
    """Hang up."""
    connection.recv(1000)
    linger = struct.pack("ii", 1, 0)  # on, 0 s: close() sends RST
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)


def waits(connection: socket.socket) -> None:
    """Say nothing until the other side goes."""
    while connection.recv(1000):
        pass


def says(words: bytes) -> Callable[[socket.socket], None]:
    """Say this as soon as somebody comes, then close when the other side has spoken."""

    def habit(connection: socket.socket) -> None:
        connection.sendall(words)
        connection.recv(1000)

    return habit


def relay(one: socket.socket, other: socket.socket, *, until: Callable[[], bool]) -> None:
    """Carry bytes both ways until told to stop, or until one side ends."""
    pairs = {one: other, other: one}
    while not until():
        for source in select.select(list(pairs), [], [], 0.02)[0]:
            data = source.recv(65536)
            if not data:
                return
            pairs[source].sendall(data)


def disconnects(words: bytes) -> Callable[[socket.socket], None]:
    """Speak SSH just well enough to end the connection with these words, before any key."""

    def habit(connection: socket.socket) -> None:
        payload = bytes([_DISCONNECT]) + struct.pack(">I", 2) + _string(words) + _string(b"")
        padding = 8 - (len(payload) + 5) % 8 + 8
        packet = struct.pack(">IB", len(payload) + padding + 1, padding) + payload + bytes(padding)
        connection.sendall(BANNER + packet)
        waits(connection)

    return habit


@contextlib.contextmanager
def deaf() -> Iterator[int]:
    """Lend a port whose queue is full: the kernel drops every further attempt to connect."""
    with contextlib.ExitStack() as stack:
        server = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=0))
        port = server.getsockname()[1]
        for _ in range(4):
            attempt = stack.enter_context(socket.socket())
            attempt.setblocking(False)  # noqa: FBT003 - the name of the call says it
            attempt.connect_ex(("127.0.0.1", port))
        yield port


def _string(value: bytes) -> bytes:
    return struct.pack(">I", len(value)) + value
