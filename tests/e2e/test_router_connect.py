"""CONNECT through a real HAProxy: opened, refused, and then nothing but the caller's bytes."""

import contextlib
import socket
import threading
import time
from base64 import b64encode
from collections.abc import Iterator

import pytest

from ground2cloud.config.model import Kind
from ground2cloud.haproxy.routes import Timeouts
from tests.lab import listener
from tests.lab.listener import standing
from tests.lab.places import short_directory
from tests.lab.ports import free_port
from tests.lab.router import SECRET, Router, backend, head, key, read_head
from tests.lab.waiting import wait_until

QUICK = Timeouts(connect=0.5, request=1.0)


@pytest.fixture(scope="module")
def router() -> Iterator[Router]:
    """Registration 1001: `db` echoes, `greets`, `gone`, `off`; 1002: `db`."""
    with (
        short_directory() as directory,
        standing(listener.echo, "127.0.0.3") as echo,
        standing(listener.greets) as greets,
    ):
        backends = [
            backend(echo, "db", kind=Kind.POSTGRESQL, slots=("127.0.0.3",)),
            backend(greets, "greets", kind=Kind.MYSQL),
            backend(free_port(), "gone"),
            backend(free_port(), "off", slots=()),
            backend(free_port(), "db", registration=1002, slots=("127.0.0.3",)),
        ]
        keys = [
            key(),
            key("expired", 2, expires_at=time.time() - 1),
            key("elsewhere", 4, networks=("10.0.0.0/8", "2001:db8::/32")),
            key("here", 5, networks=("2001:db8::/32", "127.0.0.0/30")),
            key("one-service", 6, grants=((1001, "greets"),)),
        ]
        with Router(directory, backends, keys, timeouts=QUICK) as running:
            yield running


@pytest.mark.parametrize(
    ("target", "headers"),
    [
        ("db-1001.g2c.example.com:5432", []),
        ("DB-1001:1", []),
        ("1001:1", []),
        ("1001/db:1", []),
        ("localhost:5432", ["Ground2Cloud-Route: 1001/db"]),
        ("db-1001:1", [f"ground2cloud-KEY:\t{SECRET} \t"]),
        ("db-1001:1", [f"PROXY-Authorization:  bearer  {SECRET}"]),
        ("db-1001:1", ["Proxy-Authorization: Basic " + b64encode(b"u:an-element-key").decode()]),
        ("db-1001:1", ["Ground2Cloud-Key: here"]),
    ],
)
def test_a_tunnel_opens(router: Router, target: str, headers: list[str]) -> None:
    with router.connect() as connection:
        connection.sendall(head("CONNECT", target, "x.example.org", *headers).encode())
        assert read_head(connection) == (200, {})
        connection.sendall(b"\0binary\r\n\r\n")
        assert connection.recv(100) == b"\0binary\r\n\r\n"


@pytest.mark.parametrize(
    ("target", "headers", "status", "error"),
    [
        ("db-1001:1", ["Ground2Cloud-Key: wrong"], 401, "wrong-key"),
        ("db-1001:1", ["Ground2Cloud-Key:"], 401, "no-key"),
        ("db-1001:1", ["Proxy-Authorization: Negotiate x"], 401, "no-key"),
        ("db-1001:1", ["Proxy-Authorization: Basic !!!"], 401, "no-key"),
        ("db-1001:1", ["Ground2Cloud-Key: expired"], 401, "key-expired"),
        ("db-1001:1", ["Ground2Cloud-Key: elsewhere"], 403, "source-not-allowed"),
        ("db-1001:1", ["Ground2Cloud-Key: one-service"], 403, "not-granted"),
        ("db-1002:1", [], 403, "not-granted"),
        ("db-1003:1", [], 404, "unknown-route"),
        ("off-1001:1", [], 503, "tunnel-down"),
        ("gone-1001:1", [], 503, "tunnel-down"),
        ("db-1001:1", [f"Ground2Cloud-Key: {SECRET}"] * 2, 401, "key-ambiguous"),
        (
            "db-1001:1",
            [f"Ground2Cloud-Key: {SECRET}", f"Proxy-Authorization: Bearer {SECRET}"],
            401,
            "key-ambiguous",
        ),
        ("db-1001:1", ["Ground2Cloud-Route: 1001/db"] * 2, 400, "route-ambiguous"),
        ("db-1001:1", ["Content-Length: 0"], 400, "bad-request"),
        ("db-1001:1", ["Transfer-Encoding: chunked"], 400, "bad-request"),
        ("db-1001:1", ["X: a\0b"], 408, "request-timeout"),
        ("db-1001:1", ["X: a\rY: b"], 400, "bad-request"),
        ("db-1001:1", ["X : a"], 400, "bad-request"),
        ("db-1001:1", [" folded: a"], 400, "bad-request"),
        ("db-1001", [], 400, "bad-request"),
        ("[::1]:22", [], 400, "bad-request"),
        ("db-1001:1:2", [], 400, "bad-request"),
        ("db-1001:999999", [], 400, "bad-request"),
        ("http://db-1001:1", [], 400, "bad-request"),
        ("db-1001:1 HTTP/1.1\nX:", [], 400, "bad-request"),
        ("db-1001:1", ["X: " + "x" * 9000], 431, "head-too-large"),
        ("db-1001:1", [f"X{n}: y" for n in range(200)], 400, "bad-request"),
    ],
)
def test_a_refusal_says_why(
    router: Router, target: str, headers: list[str], status: int, error: str
) -> None:
    reply = router.ask(head("CONNECT", target, "x.example.org", *headers))
    assert (reply.status, reply.error) == (status, error)


def test_a_head_beyond_every_buffer_is_refused(router: Router) -> None:
    reply = router.ask(b"CONNECT db-1001:1 HTTP/1.1\r\nX: " + b"x" * 15500)
    assert (reply.status, reply.error) == (431, "head-too-large")


def test_a_head_that_never_ends_is_refused_in_time(router: Router) -> None:
    reply = router.ask(head("CONNECT", "db-1001:1", "x")[:-2])
    assert (reply.status, reply.error) == (408, "request-timeout")


def test_a_head_may_come_byte_by_byte(router: Router) -> None:
    with router.connect() as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for byte in head("CONNECT", "db-1001:1", "x"):
            connection.sendall(byte.encode())
        assert read_head(connection)[0] == 200


def test_what_is_sent_ahead_reaches_the_application_once(router: Router) -> None:
    with router.connect() as connection:
        connection.sendall(head("CONNECT", "db-1001:1", "x").encode() + b"early")
        assert read_head(connection)[0] == 200
        connection.sendall(b" late")
        connection.shutdown(socket.SHUT_WR)
        assert b"".join(iter(lambda: connection.recv(100), b"")) == b"early late"


def test_what_is_sent_ahead_of_a_refusal_goes_nowhere(router: Router) -> None:
    """A second request behind a refused CONNECT is not answered, whatever key it has."""
    refused = head("CONNECT", "db-1001:1", "x", "Ground2Cloud-Key: wrong")
    with router.connect() as connection:
        connection.sendall(refused.encode() + head("CONNECT", "db-1001:1", "x").encode())
        answer = b"".join(iter(lambda: connection.recv(1000), b""))
    assert answer.startswith(b"HTTP/1.1 401 ")
    assert answer.count(b"HTTP/1.1") == 1


def test_an_application_that_speaks_first_is_heard_after_the_answer(router: Router) -> None:
    with router.tunnel("greets-1001") as connection:
        assert connection.recv(100) == b"welcome\n"


def test_connect_after_a_request_is_refused(router: Router) -> None:
    with router.connect() as connection:
        connection.sendall(head("GET", "/", "off-1001").encode())
        assert read_head(connection)[0] == 503
    reply = router.ask(b"\r\n" + head("CONNECT", "db-1001:1", "db-1001:1").encode())
    assert (reply.status, reply.error) == (400, "connect-not-first")


def test_megabytes_both_ways_at_once(router: Router) -> None:
    block = bytes(range(256)) * 256
    with router.tunnel("db-1001") as connection:

        def send() -> None:
            with contextlib.suppress(OSError):
                for _ in range(300):
                    connection.sendall(block)
                connection.shutdown(socket.SHUT_WR)

        sender = threading.Thread(target=send)
        sender.start()
        received = bytearray()
        while data := connection.recv(1 << 20):
            received += data
        sender.join()
    assert received == block * 300


def test_callers_that_left_are_forgotten(router: Router) -> None:
    with router.tunnel("db-1001") as connection:
        mine = f"@{connection.getsockname()[1]} "
        assert mine in router.show("show table callers")
    wait_until(lambda: mine not in router.show("show table callers"), what="it is forgotten")
