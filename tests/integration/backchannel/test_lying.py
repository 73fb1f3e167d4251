"""A gateway that is not the one, and one that is but lies: the agent believes nothing of it."""

import json
import ssl
import threading
import time

import pytest

from ground2cloud.backchannel import messages
from ground2cloud.backchannel.calls import BODY_LIMIT
from ground2cloud.backchannel.client import Client
from ground2cloud.backchannel.errors import (
    NotUnderstoodError,
    RefusedError,
    SilentError,
    Slug,
    UnreachableError,
)
from ground2cloud.backchannel.tls import Certificates
from ground2cloud.config.model import Kind
from tests.lab.blocked import blocked
from tests.lab.fake_desk import HOST_CA, JOIN, request
from tests.lab.liar import Speaker, client_of, http, lying, saying
from tests.lab.ports import free_port

REGISTERED: dict[str, object] = {
    "registration": 1001,
    "user": "ground2cloud",
    "endpoints": [{"host": "g2c.example.com", "port": 22}],
    "host_ca": HOST_CA,
    "host_alias": "ground2cloud-gateway",
    "slots": ["127.0.0.1", "127.0.0.2"],
    "services": [{"name": "books", "kind": "http", "port": 11081}],
}


def service(**changes: object) -> dict[str, object]:
    return {"services": [{"name": "books", "kind": "http", "port": 11081} | changes]}


def endpoint(**changes: object) -> dict[str, object]:
    return {"endpoints": [{"host": "g2c.example.com", "port": 22} | changes]}


@pytest.mark.parametrize(
    "lie",
    [
        {"registration": "1001"},
        {"registration": 0},
        {"registration": 2**40},
        {"registration": True},
        {"user": "-oProxyCommand=x"},
        {"user": "root\n"},
        {"user": "a b"},
        {"endpoints": []},
        endpoint(host="-oProxyCommand=x"),
        endpoint(host="g2c.example.com\nProxyCommand x"),
        endpoint(host="g2c.example.com\n"),
        endpoint(host="%h"),
        endpoint(host="a b"),
        endpoint(host="x" * 300),
        endpoint(port=0),
        endpoint(port=65536),
        endpoint(port=22.5),
        {"endpoints": [{"host": f"h{i}", "port": 22} for i in range(17)]},
        {"host_ca": HOST_CA + "\n@cert-authority * " + HOST_CA},
        {"host_ca": HOST_CA + "\n"},
        {"host_ca": "ssh-rsa AAAA"},
        {"host_alias": "*"},
        {"host_alias": ""},
        {"slots": []},
        {"slots": ["0.0.0.0"]},
        {"slots": ["127.0.0.1\n"]},
        {"slots": ["127.0.0.1", "127.0.0.1"]},
        {"slots": [f"127.0.0.{i}" for i in range(1, 18)]},
        service(name="other"),
        service(kind="tcp"),
        service(port=0),
        service(port=70000),
        service(port="11081"),
        {"services": []},
        {
            "services": [
                {"name": "books", "kind": "http", "port": 11081},
                {"name": "more", "kind": "http", "port": 11082},
            ]
        },
        {"services": None},
        {"name": "\x1b[2J"},
    ],
    ids=range(37),
)
def test_an_answer_outside_the_limits_is_not_used(
    real: Certificates, lie: dict[str, object]
) -> None:
    answer = http(json.dumps(REGISTERED | lie).encode())
    with (
        lying(real.context, saying(answer)) as (port, _),
        pytest.raises(NotUnderstoodError) as caught,
    ):
        client_of(port, real).register(JOIN, request("books"))
    assert len(caught.value.message) < 400
    assert caught.value.message.isprintable()


def test_the_answer_those_lies_are_made_from_is_used(real: Certificates) -> None:
    answer = http(json.dumps(REGISTERED | {"unknown": [1]}).encode())
    with lying(real.context, saying(answer)) as (port, _):
        registered = client_of(port, real).register(JOIN, request("books"))
    assert registered.services[0].port == 11081


def test_two_services_never_get_one_port(real: Certificates) -> None:
    both = [{"name": name, "kind": "tcp", "port": 11081} for name in ("a", "b")]
    with (
        lying(real.context, saying(http(json.dumps({"services": both}).encode()))) as (port, _),
        pytest.raises(NotUnderstoodError, match="same port twice"),
    ):
        client_of(port, real).set_services([("a", Kind.TCP), ("b", Kind.TCP)])


@pytest.mark.parametrize("wait", ["1e300", "-1", "3601", '"now"', "null"])
def test_nobody_is_told_to_wait_for_ever(real: Certificates, wait: str) -> None:
    claim = http(b'{"holder":"none","dial_in":%b}' % wait.encode())
    heartbeat = http(b'{"next_in":%b}' % wait.encode())
    for answer, call in (
        (claim, lambda client: client.claim("127.0.0.1")),
        (heartbeat, lambda client: client.heartbeat(report())),
    ):
        with lying(real.context, saying(answer)) as (port, _), pytest.raises(NotUnderstoodError):
            call(client_of(port, real))


def report() -> messages.HeartbeatRequest:
    return messages.HeartbeatRequest(version="0.1.0", time=0)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"\x00\xff" * 500,
        b"HTTP/1.1 999999 \r\n\r\n",
        b"HTTP/1.1 200 OK\r\n\r\n" + b'{"registration":1001}',
        b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n" + b'{"registration":1001}',
        b"HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\n" + b'{"registration":1001',
        b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n" + b'{"registration":1001}',
        b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n" + b'{"registration":1001}',
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n15\r\n" + b'{"registration":1001}',
        b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n15\r\n{"registration":1001}\r\n',
        b"HTTP/1.1 201 X\r\nContent-Length: 21\r\n\r\n" + b'{"registration":1001}',
        b"HTTP/1.1 204 X\r\n\r\n",
        b"HTTP/1.1 302 Found\r\nLocation: https://192.0.2.1/\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 307 X\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 500 Oops\r\nContent-Length: 0\r\n\r\n",
        http(b"<html>", 502),
        http(b"{}", 401),
        http(b'{"error":"UP PER","message":""}', 400),
        http(b"{}"),
        http(b"[]"),
        http(b"\xff\xfe"),
        http(b"[" * 100_000),
        http(b'{"registration":1001,"x":' + b"[" * 50_000),
        http(b'{"registration":1e999}'),
        http(b'{"registration":NaN}'),
        http(b" " * BODY_LIMIT + b'{"registration":1001}'),
        b"HTTP/1.1 200 OK\r\nX: " + b"y" * 100_000 + b"\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 200 + b"\r\n",
    ],
    ids=range(30),
)
def test_what_is_no_answer_is_told_as_that(real: Certificates, content: bytes) -> None:
    with (
        lying(real.context, saying(content)) as (port, requests),
        pytest.raises((NotUnderstoodError, UnreachableError)) as caught,
    ):
        client_of(port, real).unregister()
    assert len(requests) == 1
    assert len(caught.value.message) < 400
    assert caught.value.message.isprintable()


def endless(head: bytes, piece: bytes) -> Speaker:
    def speak(connection: ssl.SSLSocket, _request: bytes, over: threading.Event) -> None:
        connection.sendall(head)
        while not over.is_set():
            connection.sendall(piece)

    return speak


@pytest.mark.parametrize(
    ("head", "piece"),
    [
        (b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 100),
        (b"HTTP/1.1 200 OK\r\n", b"X: " + b"y" * 1000 + b"\r\n"),
        (b"HTTP/1.1 200 OK\r\n\r\n", b"x" * 10_000),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n", b"x" * 10_000),
        (
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
            b"1;" + b"x" * 900 + b"\r\nx\r\n",
        ),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n", b"X: y\r\n" * 1000),
    ],
    ids=["continue", "headers", "no length", "huge", "chunks", "trailers"],
)
def test_an_answer_without_end_is_left(real: Certificates, head: bytes, piece: bytes) -> None:
    # One that waits for the end is told that there is no answer in time: another error.
    with (
        lying(real.context, endless(head, piece)) as (port, _),
        pytest.raises(NotUnderstoodError),
    ):
        client_of(port, real, timeout=20).unregister()


def dripping(content: bytes) -> Speaker:
    def speak(connection: ssl.SSLSocket, _request: bytes, over: threading.Event) -> None:
        for place in range(len(content)):
            if over.wait(0.1):
                return
            connection.sendall(content[place : place + 1])

    return speak


@pytest.mark.parametrize(
    "speak",
    [
        dripping(b"HTTP/1.1 200 OK\r\nX: " + b"y" * 1000),
        dripping(http(b" " * 1000)),
        lambda _connection, _request, over: over.wait(20),
    ],
    ids=["head", "from the start", "silent"],
)
def test_a_slow_answer_is_waited_for_within_bounds(real: Certificates, speak: Speaker) -> None:
    start = time.monotonic()
    with (
        lying(real.context, speak) as (port, _),
        pytest.raises(UnreachableError, match=r"no answer within 0\.6 s"),
    ):
        client_of(port, real, timeout=0.6).unregister()
    took = time.monotonic() - start
    assert 0.5 < took < 30  # dripping takes 100 s


def test_a_refusal_is_told_in_words_that_harm_no_terminal(real: Certificates) -> None:
    body = json.dumps({"error": "new-slug", "message": "no\x1b[2J\n\u202e", "hint": "h" * 900})
    answer = b"HTTP/1.1 403 X\r\nRetry-After: 999999\r\nContent-Length: %d\r\n\r\n%b"
    with (
        lying(real.context, saying(answer % (len(body), body.encode()))) as (port, _),
        pytest.raises(RefusedError) as caught,
    ):
        client_of(port, real).unregister()
    assert caught.value.slug == "new-slug"
    assert caught.value.message == "no?[2J??"
    assert len(caught.value.hint) == 200
    assert caught.value.retry_after == 3600


def test_a_refusal_is_told_with_its_slug(real: Certificates) -> None:
    answer = http(b'{"error":"revoked","message":"no"}', 403)
    with (
        lying(real.context, saying(answer)) as (port, _),
        pytest.raises(RefusedError) as caught,
    ):
        client_of(port, real).unregister()
    assert caught.value.slug is Slug.REVOKED
    assert caught.value.retry_after is None


def test_no_gateway_is_unreachable(real: Certificates) -> None:
    with pytest.raises(UnreachableError, match="refused"):
        client_of(free_port(), real).unregister()
    with pytest.raises(UnreachableError):
        Client("a..b", 1, pin=real.pin, authority=real.authority).unregister()


def test_where_nothing_answers_at_all_nobody_waits_long(real: Certificates) -> None:
    """A network that drops every packet is no gateway that is busy."""
    start = time.monotonic()
    with blocked("dropped") as port, pytest.raises(SilentError, match="no answer at all"):
        client_of(port, real, timeout=80).unregister()
    assert time.monotonic() - start < 30
