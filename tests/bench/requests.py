"""One small HTTP request, on a connection of its own, with as little of Python as possible."""

import contextlib
import socket
import time

REQUEST = b"GET / HTTP/1.1\r\nHost: bench\r\nConnection: close\r\n\r\n"
PAUSE = 0.002
"""Seconds between two tries: the error of every time measured by `until_answered`."""


def ask(port: int, timeout: float = 1.0) -> bytes:
    """Return the whole answer of 127.0.0.1:`port`, empty when there was none."""
    answer = bytearray()
    with (
        contextlib.suppress(OSError),
        socket.create_connection(("127.0.0.1", port), timeout) as connection,
    ):
        connection.sendall(REQUEST)
        while chunk := connection.recv(65536):
            answer += chunk
    return bytes(answer)


def until_answered(port: int, expected: bytes = b"200 OK", timeout: float = 60.0) -> float:
    """Ask until the answer has `expected` in it; return when that was (`time.perf_counter`).

    Raises:
        AssertionError: no such answer within `timeout` seconds.
    """
    deadline = time.perf_counter() + timeout
    while expected not in ask(port):
        assert time.perf_counter() < deadline, f"port {port}: no {expected!r} in {timeout:g} s"
        time.sleep(PAUSE)
    return time.perf_counter()


def until_silent(port: int, timeout: float = 30.0) -> None:
    """Wait until nothing listens on 127.0.0.1:`port` any more.

    Raises:
        AssertionError: something still does after `timeout` seconds.
    """
    deadline = time.perf_counter() + timeout
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), 1.0).close()
        except ConnectionRefusedError:
            return
        except OSError:
            pass
        assert time.perf_counter() < deadline, f"port {port} is still taken after {timeout:g} s"
        time.sleep(PAUSE)
