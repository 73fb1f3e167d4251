"""Callers who mean harm: smuggled requests, slow ones, lots of them."""

import contextlib
import re
import socket
import time
from collections.abc import Iterator

import pytest

from ground2cloud.haproxy.routes import Timeouts
from tests.lab import listener
from tests.lab.listener import standing
from tests.lab.places import short_directory
from tests.lab.router import SECRET, Router, backend, head, key, read_head, read_reply
from tests.lab.waiting import wait_until

QUICK = Timeouts(connect=0.5, request=1.0, client=1.0)
KEY = f"Ground2Cloud-Key: {SECRET}\r\n"


class Recorder:
    """An application that believes every byte: it answers heads only and keeps what came."""

    def __init__(self) -> None:
        self.heads: list[bytes] = []

    def __call__(self, connection: socket.socket) -> None:
        """Serve one connection."""
        while data := listener.read_request(connection):
            self.heads.append(data)
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")


@pytest.fixture(scope="module")
def recorder() -> Recorder:
    return Recorder()


@pytest.fixture(scope="module")
def router(recorder: Recorder) -> Iterator[Router]:
    with (
        short_directory() as directory,
        standing(recorder) as port,
        standing(recorder) as other,
    ):
        backends = [backend(port), backend(other, registration=1002)]
        keys = [
            key(),
            key("few", 2, connections=2),
            key("seldom", 3, rate=5),
            key("also-seldom", 4, rate=5, grants=((1001, "web"), (1002, None))),
        ]
        settings = {"timeouts": QUICK, "connections_per_source": 50}
        with Router(directory, backends, keys, **settings) as running:
            yield running


UNDERSTOOD = (b"HTTP/1.1 200 ", b"HTTP/1.1 400 ", b"HTTP/1.1 422 ")
"""How an answer to the first request may begin: it has a good key."""

SMUGGLED = "GET /smuggled HTTP/1.1\r\nHost: x\r\nX-Forwarded-For: 192.0.2.1\r\n\r\n"


@pytest.mark.parametrize(
    "headers",
    [
        "Content-Length: 0\r\nContent-Length: {n}\r\n",
        "Content-Length: {n}, 0\r\n",
        "Content-Length: +{n}\r\n",
        "Content-Length: -1\r\n",
        "Content-Length: 0x10\r\n",
        "Content-Length : 0\r\n",
        "Transfer-Encoding: chunked\r\nContent-Length: {n}\r\n",
        "Content-Length: {n}\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding: xchunked\r\n",
        "Transfer-Encoding: chunked, identity\r\n",
        "Transfer-Encoding: identity\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding : chunked\r\n",
        "Transfer-Encoding:\x0bchunked\r\n",
        "X: y\r\n Transfer-Encoding: chunked\r\n",
        "X: y\nTransfer-Encoding: chunked\r\n",
        "X: y\rTransfer-Encoding: chunked\r\n",
        "X: \0\r\n",
        "Host: 1002.g2c.example.com\r\n",
        "Connection: content-length\r\nContent-Length: {n}\r\n",
    ],
)
def test_nothing_is_smuggled_past_the_router(
    router: Router, recorder: Recorder, headers: str
) -> None:
    """A request in a body's place is a body, or a request with a key of its own."""
    recorder.heads.clear()
    request = f"POST / HTTP/1.1\r\nHost: 1001.g2c.example.com\r\n{KEY}{headers}\r\n"
    body = f"0\r\n\r\n{SMUGGLED}"
    with router.connect() as connection:
        connection.sendall((request.replace("{n}", str(len(body))) + body).encode())
        connection.shutdown(socket.SHUT_WR)
        answer = connection.recv(65536)
        while connection.recv(65536):
            pass
    assert answer == b"" or answer.startswith(UNDERSTOOD)
    # What the recorder takes for another request may be the body of one that names its length.
    for told in recorder.heads:
        first, _, _ = told.partition(b"\r\n\r\n")
        if first.startswith(b"GET /smuggled"):
            assert any(b"content-length: " in head.lower() for head in recorder.heads)
            assert b"x-forwarded-for: 127.0.0.1" not in first
        else:
            assert first.lower().count(b"transfer-encoding") <= 1
            assert first.lower().count(b"content-length") <= 1
            assert not (
                b"transfer-encoding" in first.lower() and b"content-length" in first.lower()
            )
        assert b"ground2cloud-key" not in told.lower()
    # Nor is it refused for any other reason: without these headers the same is let through.
    recorder.heads.clear()
    length = f"Content-Length: {len(SMUGGLED)}"
    assert router.ask(head("POST", "/", "1001", length) + SMUGGLED).status == 200
    assert recorder.heads[0].startswith(b"POST / HTTP/1.1\r\n")


@pytest.mark.parametrize(
    "name",
    [
        "1001 web",
        "1001/web;show info",
        "1001/web\\",
        '1001/web"',
        "%[env(HOME)]",
        "1001/web|x",
        "../../etc/passwd",
        "a" * 5000,
        "1001/web\t",
        "1001//web",
        "/",
        "1001/",
        "+1001",
        "01001",
    ],
)
def test_a_route_is_looked_up_and_nothing_else(router: Router, name: str) -> None:
    reply = router.get("1001", f"Ground2Cloud-Route: {name}")
    assert reply.error == "unknown-route" or (name.strip() == "1001/web" and reply.status == 200)


def test_h2c_is_not_a_way_around(router: Router, recorder: Recorder) -> None:
    recorder.heads.clear()
    headers = ("Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAMAAABk")
    assert router.get("1001", *headers).status == 200
    assert b"h2c" not in recorder.heads[0]
    assert b"http2-settings" not in recorder.heads[0].lower()
    with router.connect() as connection:
        connection.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes(9))
        assert read_reply(connection).status in {400, 401}


def test_a_head_that_drips_in_is_cut_off(router: Router) -> None:
    def drip(connection: socket.socket) -> None:
        connection.sendall(b"GET / HTTP/1.1\r\n")
        for _ in range(200):
            connection.sendall(b"X: y\r\n")
            time.sleep(0.1)

    with (
        router.connect() as connection,
        pytest.raises((BrokenPipeError, ConnectionResetError)),
    ):
        drip(connection)


@pytest.mark.parametrize(
    "start", [b"", b"CON", b"\x16\x03\x01\x02\x00", b"SSH-2.0-x\r\n", b"\0" * 20]
)
def test_who_says_nothing_useful_is_let_go(router: Router, start: bytes) -> None:
    with router.connect() as connection:
        connection.sendall(start)
        answer = connection.recv(65536)
    assert answer == b"" or answer.startswith((b"HTTP/1.1 400 ", b"HTTP/1.1 408 "))


def test_a_huge_head_is_refused(router: Router) -> None:
    assert router.get("1001", "X: " + "x" * 20000).status == 400


def test_connections_of_an_element_are_counted(router: Router) -> None:
    few = "Ground2Cloud-Key: few"
    with router.tunnel("1001", few), router.tunnel("1001", few):
        reply = router.get("1001", few)
        assert (reply.status, reply.error) == (429, "too-many-connections")
        reply = router.ask(head("CONNECT", "1001:1", "1001", few))
        assert (reply.status, reply.error) == (429, "too-many-connections")
        assert router.get("1001").status == 200
    wait_until(lambda: router.get("1001", few).status == 200, what="the end of both")


def test_requests_of_an_element_are_counted_over_all_its_routes(router: Router) -> None:
    seldom = "Ground2Cloud-Key: also-seldom"
    passed, began = 0, time.monotonic()
    while (reply := router.get(("1001", "1002")[passed % 2], seldom)).status == 200:
        passed += 1
    assert (reply.status, reply.error) == (429, "too-many-requests")
    # Five a second, over the second before too; ten where each route had five of its own.
    assert 5 <= passed < 7 * (1 + time.monotonic() - began)

    def tunnel() -> tuple[int, str | None]:
        with router.connect() as connection:
            connection.sendall(head("CONNECT", "1001:1", "1001", seldom).encode())
            status, headers = read_head(connection)
            return status, headers.get("retry-after")

    wait_until(lambda: tunnel() == (429, "1"), what="a CONNECT too many", interval=0)


def test_one_address_has_only_so_many_connections(router: Router) -> None:
    wait_until(lambda: nobody_there(router), what="the end of what other tests had open")
    with contextlib.ExitStack() as stack:
        for _ in range(50):
            stack.enter_context(router.tunnel("1001"))
        for request in head("GET", "/", "1001"), head("CONNECT", "1001:1", "1001"):
            reply = router.ask(request + "sent ahead")
            assert (reply.status, reply.error) == (429, "source-crowded")
            assert reply.headers["retry-after"] == "1"
    wait_until(lambda: router.get("1001").status == 200, what="room for another connection")


def nobody_there(router: Router) -> bool:
    return not re.search(r"conn_cur=[1-9]", router.show("show table sources"))
