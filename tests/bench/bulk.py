"""Megabytes per second through a tunnel.

Both ends leave the work to the kernel (sendfile out, MSG_TRUNC in, which drops the data without
copying it), so that ssh and sshd have the processors for themselves.

    python -m tests.bench.bulk     serves, prints its port, ends with its stdin
"""

import contextlib
import os
import socket
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Iterator

from tests.lab.processes import end_child

HEADER = struct.Struct("!cQ")
"""DOWN or UP as the client sees it, and how many bytes."""

DOWN, UP = b"D", b"U"

PIECE = 1 << 20


def _send(connection: socket.socket, count: int) -> None:
    with open(os.memfd_create("bulk"), "wb") as file:  # noqa: PTH123 - has no path
        file.truncate(PIECE)
        while count:
            count -= os.sendfile(connection.fileno(), file.fileno(), 0, min(count, PIECE))


def _drop(connection: socket.socket, count: int) -> None:
    buffer = bytearray(PIECE)
    while count:
        got = connection.recv_into(buffer, min(count, PIECE), socket.MSG_TRUNC)
        if not got:
            raise ConnectionError(f"{count} bytes are missing")
        count -= got


def _serve(connection: socket.socket) -> None:
    with connection, contextlib.suppress(OSError):
        header = connection.recv(HEADER.size, socket.MSG_WAITALL)
        if len(header) < HEADER.size:
            return  # only a look whether somebody answers
        way, count = HEADER.unpack(header)
        if way == DOWN:
            _send(connection, count)
        elif way == UP:
            _drop(connection, count)
            connection.sendall(b"!")
        else:  # an HTTP request that only wants to know whether there is an answer
            connection.sendall(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n")
            connection.shutdown(socket.SHUT_WR)
            connection.recv(PIECE)


def transfer(port: int, count: int, *, down: bool) -> float:
    """Move `count` bytes from the server behind 127.0.0.1:`port`, or to it; return MB/s (10^6)."""
    with socket.create_connection(("127.0.0.1", port), 30.0) as connection:
        connection.settimeout(None)  # one with a timeout is non-blocking underneath
        began = time.perf_counter()
        connection.sendall(HEADER.pack(DOWN if down else UP, count))
        if down:
            _drop(connection, count)
        else:
            _send(connection, count)
            assert connection.recv(1) == b"!", "the server did not get everything"
        return count / (time.perf_counter() - began) / 1e6


@contextlib.contextmanager
def bulk_server() -> Iterator[int]:
    """Lend the port of a server in a process of its own."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.bench.bulk"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    try:
        assert process.stdout is not None
        yield int(process.stdout.readline())
    finally:
        end_child(process)


def _main() -> None:
    listener = socket.create_server(("127.0.0.1", 0))

    def accept() -> None:
        while True:
            connection, _ = listener.accept()
            threading.Thread(target=_serve, args=(connection,), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    print(listener.getsockname()[1], flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    _main()
