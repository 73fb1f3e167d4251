"""Tiny real TCP servers on any slot: each connection is served by a function of its own thread."""

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator

from tests.lab.ports import free_port

Habit = Callable[[socket.socket], None]


@contextlib.contextmanager
def standing(habit: Habit, host: str = "127.0.0.1", port: int = 0) -> Iterator[int]:
    """Serve every connection with `habit` and close it then; lend the port."""
    number = port or free_port()
    live: set[socket.socket] = set()
    with socket.create_server((host, number), backlog=128) as server:
        stop = threading.Event()
        thread = threading.Thread(target=_accept, args=(server, habit, stop, live))
        thread.start()
        try:
            yield number
        finally:
            stop.set()
            with contextlib.suppress(OSError):
                server.shutdown(socket.SHUT_RDWR)
            thread.join()
            for connection in tuple(live):
                with contextlib.suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)


def _accept(
    server: socket.socket, habit: Habit, stop: threading.Event, live: set[socket.socket]
) -> None:
    while not stop.is_set():
        try:
            connection, _ = server.accept()
        except OSError:
            return
        live.add(connection)
        threading.Thread(target=_serve, args=(connection, habit, live), daemon=True).start()


def _serve(connection: socket.socket, habit: Habit, live: set[socket.socket]) -> None:
    with connection, contextlib.suppress(OSError):
        connection.settimeout(20)
        habit(connection)
    live.discard(connection)


def echo(connection: socket.socket) -> None:
    """Send back what comes, until the other side has sent its last."""
    while data := connection.recv(65536):
        connection.sendall(data)


def greets(connection: socket.socket) -> None:
    """Speak first, as a MySQL server does, then echo."""
    connection.sendall(b"welcome\n")
    echo(connection)


def hangs_up(connection: socket.socket) -> None:
    """Close at once: what ssh does when the application is down."""
    del connection


def read_request(connection: socket.socket) -> bytes:
    """Read one request's head, or what there is before the end."""
    data = b""
    while b"\r\n\r\n" not in data:
        chunk = connection.recv(65536)
        if not chunk:
            break
        data += chunk
    return data


def mirror(connection: socket.socket) -> None:
    """Answer each request with its own head, byte for byte, as the body."""
    while data := read_request(connection):
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(data), data))


def says(words: bytes) -> Habit:
    """Answer every request with these bytes."""

    def habit(connection: socket.socket) -> None:
        while read_request(connection):
            connection.sendall(words)

    return habit
