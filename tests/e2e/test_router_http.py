"""HTTP through a real HAProxy: who gets where, who is refused how, what the application sees."""

import hashlib
import socket
import time
from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path

import pytest

from ground2cloud.config.model import Kind
from ground2cloud.haproxy.routes import Timeouts
from tests.lab import listener
from tests.lab.httpapp import HttpApp
from tests.lab.listener import standing
from tests.lab.places import short_directory
from tests.lab.ports import free_port
from tests.lab.router import (
    SECRET,
    Reply,
    Router,
    backend,
    head,
    key,
    read_head,
    read_reply,
)

QUICK = Timeouts(connect=0.5, request=1.0, client=2.0, application=1.0, keep_alive=5.0)


@pytest.fixture(scope="module")
def router() -> Iterator[Router]:
    """Registration 1001: `web` (an application), `mirror`, `down`, `gone`, `db`; 1002: `web`."""
    with (
        short_directory() as directory,
        HttpApp("app") as app,
        standing(lambda _: time.sleep(3)) as slow,
        standing(listener.mirror, "127.0.0.2") as mirror,
        standing(listener.hangs_up) as down,
        HttpApp("other") as other,
    ):
        backends = [
            backend(app.port),
            backend(slow, "slow"),
            backend(mirror, "mirror", slots=("127.0.0.2",)),
            backend(down, "down"),
            backend(free_port(), "gone"),
            backend(free_port(), "off", slots=()),
            backend(free_port(), "db", kind=Kind.POSTGRESQL),
            backend(other.port, registration=1002),
        ]
        keys = [
            key(),
            key("expired", 2, expires_at=time.time() - 1),
            key("lasting", 3, expires_at=time.time() + 3600),
            key("elsewhere", 4, networks=("10.0.0.0/8", "::/0", "192.0.2.1/32")),
            key("here", 5, networks=("10.0.0.0/8", "127.0.0.0/8")),
            key("one-service", 6, grants=((1001, "web"), (1002, "web"))),
            key("both", 7, grants=((1001, None), (1002, None))),
        ]
        with Router(directory, backends, keys, timeouts=QUICK) as running:
            yield running


def seen(reply: Reply) -> dict[str, list[str]]:
    """The headers that the mirror was sent."""
    assert reply.status == 200
    found: dict[str, list[str]] = {}
    for line in reply.body.decode().rstrip().split("\r\n")[1:]:
        name, _, value = line.partition(":")
        found.setdefault(name.lower(), []).append(value.strip())
    return found


def test_host_names_and_the_header_lead_to_a_service(router: Router) -> None:
    for host in ("1001", "web-1001", "WEB-1001.g2c.Example.com:80"):
        assert router.get(host).body == b"hello from app\n"
    for route in ("1001/web", "1001"):
        headers = (f"Ground2Cloud-Route: {route}", "Host: whatever.example.org")
        assert router.get("", *headers).body == b"hello from app\n"


@pytest.mark.parametrize(
    ("host", "headers", "status", "error"),
    [
        ("1001", ["Ground2Cloud-Key: wrong"], 401, "wrong-key"),
        ("1001", ["Ground2Cloud-Key:"], 401, "no-key"),
        ("1001", ["Proxy-Authorization: Digest x"], 401, "no-key"),
        ("1001", ["Ground2Cloud-Key: expired"], 401, "key-expired"),
        ("1001", ["Ground2Cloud-Key: elsewhere"], 403, "source-not-allowed"),
        ("1002", [], 403, "not-granted"),
        ("mirror-1001", ["Ground2Cloud-Key: one-service"], 403, "not-granted"),
        ("1003", [], 404, "unknown-route"),
        ("nothing-1001", [], 404, "unknown-route"),
        ("1001.example.org", [], 404, "unknown-route"),
        ("1001", ["Ground2Cloud-Route: 1001/web/../../1002"], 404, "unknown-route"),
        ("db-1001", [], 400, "not-http"),
        ("down-1001", [], 502, "application-unreachable"),
        ("gone-1001", [], 503, "tunnel-down"),
        ("off-1001", [], 503, "tunnel-down"),
        ("1003", ["Ground2Cloud-Key: wrong"], 401, "wrong-key"),
    ],
)
def test_a_refusal_says_why(
    router: Router, host: str, headers: list[str], status: int, error: str
) -> None:
    reply = router.get(host, *headers)
    assert (reply.status, reply.error) == (status, error)
    assert reply.headers["content-type"] == "application/json"


@pytest.mark.parametrize(
    "headers",
    [
        ["ground2cloud-KEY:  \t an-element-key  "],
        ["Proxy-Authorization: Bearer an-element-key"],
        ["proxy-authorization: bearer an-element-key"],
        ["Proxy-Authorization: Basic " + b64encode(b"x:an-element-key").decode()],
        ["Ground2Cloud-Key: lasting"],
        ["Ground2Cloud-Key: here"],
        ["Ground2Cloud-Key: one-service"],
    ],
)
def test_a_key_opens(router: Router, headers: list[str]) -> None:
    assert router.get("1001", *headers).status == 200


@pytest.mark.parametrize(
    "headers",
    [
        [f"Ground2Cloud-Key: {SECRET}", "Ground2Cloud-Key: other"],
        ["Ground2Cloud-Key: other", f"ground2cloud-key: {SECRET}"],
        [f"Ground2Cloud-Key: {SECRET}", f"Proxy-Authorization: Bearer {SECRET}"],
        [f"Proxy-Authorization: Bearer {SECRET}", f"Proxy-Authorization: Bearer {SECRET}"],
    ],
)
def test_two_keys_open_nothing(router: Router, headers: list[str]) -> None:
    assert router.get("1001", *headers).error == "key-ambiguous"


@pytest.mark.parametrize(
    "wrong", ["AN-ELEMENT-KEY", "an-element-key,x", "x, an-element-key", "an-element-key 1"]
)
def test_a_key_is_exactly_the_key(router: Router, wrong: str) -> None:
    assert router.get("1001", f"Ground2Cloud-Key: {wrong}").error == "wrong-key"


def test_the_application_never_sees_the_key_and_keeps_its_own_headers(router: Router) -> None:
    headers = seen(router.get("mirror-1001", "Authorization: Basic abc", "Cookie: a=b"))
    headers |= seen(
        router.get(
            "mirror-1001", f"Proxy-Authorization: Bearer {SECRET}", "Authorization: Basic abc"
        )
    )
    assert headers["authorization"] == ["Basic abc"]
    assert not any("ground2cloud" in name or "proxy" in name for name in headers)
    assert SECRET not in str(headers)


def test_who_called_can_not_be_made_up(router: Router) -> None:
    lies = (
        "X-Forwarded-For: 192.0.2.1",
        "x-forwarded-for: 192.0.2.2, 192.0.2.3",
        "X_Forwarded_For: 192.0.2.4",
        "X-Forwarded_Proto: https",
        "X.Forwarded.For: 192.0.2.7",
        "X~Forwarded~For: 192.0.2.8",
        "x!forwarded|host: 192.0.2.9",
        *(
            f"{name}: 192.0.2.11"
            for name in ("X-Forwarded", "X-Forwarded-Ssl", "X-Forwarded-User", "X_Forwarded.Scheme")
        ),
        "X-Forwarded-For-Original: 192.0.2.12",
        "X-Forwardedness: passes",
        "Proxy: http://192.0.2.10",
        "X-Forwarded-Proto: https",
        "X-Request-ID: mine",
        "X-Real-IP: 192.0.2.5",
        "Forwarded: for=192.0.2.6",
        "Ground2Cloud_Key: x",
        "Ground2Cloud.Key: x",
        "Connection: keep-alive, X-Forwarded-For, X-Request-ID",
    )
    headers = seen(router.get("mirror-1001", *lies))
    assert headers["x-forwarded-for"] == ["127.0.0.1"]
    assert headers["x-forwarded-proto"] == ["http"]
    assert len(headers["x-request-id"]) == 1
    assert headers["x-request-id"] != ["mine"]
    assert headers["x-forwardedness"] == ["passes"]
    assert "192.0.2" not in str(headers)
    assert not any("_" in name or "ground2cloud" in name for name in headers)
    assert "x-forwarded-for" not in str(headers.get("connection", "")).lower()


def test_an_application_can_not_pretend_to_be_the_router(short_dir: Path) -> None:
    words = b"HTTP/1.1 503 Down\r\nGround2Cloud-Error: tunnel-down\r\nContent-Length: 2\r\n\r\nno"
    with (
        standing(listener.says(words)) as port,
        Router(short_dir, [backend(port)]) as router,
    ):
        reply = router.get()
    assert (reply.status, reply.body) == (503, b"no")
    assert "ground2cloud-error" not in reply.headers


@pytest.mark.parametrize(
    "words",
    [
        b"this is no HTTP at all\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
        b"HTTP/1.1 200 OK\r\nX: " + b"x" * 40000 + b"\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nbad header: \0\r\n\r\n",
    ],
)
def test_an_improper_answer_is_a_502(short_dir: Path, words: bytes) -> None:
    with standing(listener.says(words)) as port, Router(short_dir, [backend(port)]) as router:
        reply = router.ask(head("POST", "/", "web-1001", "Content-Length: 0"))
    assert (reply.status, reply.error) == (502, "application-unreachable")


def test_a_silent_application_is_a_504(router: Router) -> None:
    reply = router.get("slow-1001")
    assert (reply.status, reply.error) == (504, "application-timeout")


def test_many_requests_on_one_connection_each_go_their_own_way(router: Router) -> None:
    """A connection that is kept says nothing about the next request on it."""
    with router.connect() as connection:
        for host, secret, expected in (
            ("1001", "both", b"hello from app\n"),
            ("1002", "both", b"hello from other\n"),
            ("1002", SECRET, None),
            ("1001", "wrong", None),
            ("1001", SECRET, b"hello from app\n"),
        ):
            request = head("GET", "/", host, f"Ground2Cloud-Key: {secret}")
            connection.sendall(request.encode())
            reply = read_reply(connection)
            assert (reply.body if expected else reply.error is not None) == (expected or True)


def test_no_request_on_a_kept_connection_lives_on_the_key_of_the_one_before(router: Router) -> None:
    with router.connect() as connection:
        for lines, expected in (
            (f"Ground2Cloud-Key: {SECRET}\r\n", None),
            ("", "no-key"),
            ("Ground2Cloud-Key: \r\n", "no-key"),
            (f"Ground2Cloud-Key: {SECRET}\r\n", None),
            (f"Ground2Cloud-Key: {SECRET}x\r\n", "wrong-key"),
            (f"Ground2Cloud-Key: {SECRET[:-1]}\r\n", "wrong-key"),
            (f"Ground2Cloud-Key: {SECRET[:-1]}X\r\n", "wrong-key"),
            ("Proxy-Authorization: Basic \r\n", "no-key"),
            (f"Proxy-Authorization: Bearer {SECRET}\r\n", None),
            (f"Proxy-Authorization: Negotiate {SECRET}\r\n", "no-key"),
            ("Ground2Cloud-Key: expired\r\n", "key-expired"),
            ("Ground2Cloud-Key: expired\r\n", "key-expired"),
            ("Ground2Cloud-Key: both\r\n", None),
        ):
            connection.sendall(f"GET / HTTP/1.1\r\nHost: 1001\r\n{lines}\r\n".encode())
            reply = read_reply(connection)
            assert (reply.error, reply.status == 200) == (expected, expected is None), lines


def test_pipelined_requests_are_answered_in_order(router: Router) -> None:
    with router.connect() as connection:
        pair = head("GET", "/", "1001") + head("GET", "/", "1002", "Ground2Cloud-Key: both")
        connection.sendall(pair.encode())
        assert read_reply(connection).body == b"hello from app\n"
        assert read_reply(connection).body == b"hello from other\n"


def test_bodies_stream_both_ways(router: Router) -> None:
    size = 30_000_000
    block = bytes(range(256)) * 400
    digest = hashlib.sha256()
    with router.connect() as connection:
        connection.sendall(head("POST", "/upload", "1001", f"Content-Length: {size}").encode())
        sent = 0
        while sent < size:
            part = block[: size - sent]
            connection.sendall(part)
            digest.update(part)
            sent += len(part)
        assert read_reply(connection).body.decode() == digest.hexdigest()
        connection.sendall(head("GET", f"/bytes/{size}", "1001").encode())
        assert len(read_reply(connection).body) == size


def test_chunks_arrive_as_they_are_sent(short_dir: Path) -> None:
    """Neither way is a body collected first."""

    def ping_pong(connection: socket.socket) -> None:
        listener.read_request(connection)
        connection.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        while data := connection.recv(1000):
            connection.sendall(b"%x\r\n%b\r\n" % (len(data), data))
            if data.endswith(b"0\r\n\r\n"):
                connection.sendall(b"0\r\n\r\n")

    with (
        standing(ping_pong) as port,
        Router(short_dir, [backend(port)]) as router,
        router.connect() as connection,
    ):
        request = head("POST", "/", "web-1001", "Transfer-Encoding: chunked")
        connection.sendall(request.encode())
        assert read_head(connection)[1]["transfer-encoding"] == "chunked"
        for word in (b"one", b"two"):
            connection.sendall(b"3\r\n%b\r\n" % word)
            answer = b""
            while word not in answer:
                answer += connection.recv(1000)


def test_100_continue_comes_from_the_application(short_dir: Path) -> None:
    def careful(connection: socket.socket) -> None:
        request = listener.read_request(connection)
        assert b"100-continue" in request
        connection.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
        body = connection.recv(100)
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body))

    with (
        standing(careful) as port,
        Router(short_dir, [backend(port)]) as router,
        router.connect() as connection,
    ):
        request = head("POST", "/", "1001", "Content-Length: 4", "Expect: 100-continue")
        connection.sendall(request.encode())
        assert read_head(connection)[0] == 100
        connection.sendall(b"body")
        assert read_reply(connection).body == b"body"
        connection.sendall(
            head(
                "POST",
                "/",
                "1001",
                "Content-Length: 4",
                "Expect: 100-continue",
                "Ground2Cloud-Key: wrong",
            ).encode()
        )
        assert read_reply(connection).error == "wrong-key"


def test_websocket_is_carried(short_dir: Path) -> None:
    def upgrade(connection: socket.socket) -> None:
        request = listener.read_request(connection).lower()
        assert b"\r\nconnection: upgrade\r\n" in request
        assert b"\r\nupgrade: websocket\r\n" in request
        connection.sendall(
            b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
            b"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n"
        )
        listener.echo(connection)

    with (
        standing(upgrade) as port,
        Router(short_dir, [backend(port)]) as router,
        router.connect() as connection,
    ):
        headers = (
            "Connection: keep-alive, Upgrade",
            "Upgrade: websocket",
            "Sec-WebSocket-Version: 13",
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
        )
        connection.sendall(head("GET", "/", "1001", *headers).encode())
        assert read_head(connection)[0] == 101
        connection.sendall(b"\x81\x02hi")
        assert connection.recv(100) == b"\x81\x02hi"


def test_a_caller_may_take_the_router_for_a_proxy(router: Router) -> None:
    reply = router.ask(
        head(
            "GET", "http://mirror-1001.g2c.example.com/a?b", "", "Host: mirror-1001.g2c.example.com"
        )
    )
    assert reply.body.startswith(b"GET /a?b HTTP/1.1\r\n")
