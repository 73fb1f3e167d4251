"""The backchannel over real TLS connections, spoken to as a stranger would."""

import http.client
import json
import re
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ground2cloud.backchannel import wire
from ground2cloud.backchannel.calls import BODY_LIMIT, CALLS, TIME_HEADER, Call
from ground2cloud.backchannel.errors import RefusedError, Slug
from ground2cloud.backchannel.limits import Rate
from ground2cloud.config.model import MOST_SERVICES
from tests.lab.fake_desk import JOIN, KEY, TOKEN, UNLIMITED, Place, serving
from tests.lab.waiting import wait_until

SELF = "/v1/registrations/self"
GOOD = {"key": KEY, "token": TOKEN, "services": [{"name": "books", "kind": "http"}]}
WITH_BODY = [call for call in CALLS if call.request is not None and call.bearer == "agent"]
BY_AGENT = [call for call in CALLS if call.bearer == "agent"]


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    with serving(tmp_path) as running:
        running.known()
        yield running


def connect(place: Place) -> ssl.SSLSocket:
    plain = socket.create_connection(("127.0.0.1", place.server.port), timeout=10)
    context = wire.trust(place.certificates.authority)
    return context.wrap_socket(plain, server_hostname="127.0.0.1")


def raw(place: Place, request: bytes) -> bytes:
    """Send bytes; answer what comes back until the server closes."""
    with connect(place) as connection:
        connection.sendall(request)
        return b"".join(iter(lambda: connection.recv(65536), b""))


def ask(
    place: Place,
    method: str,
    path: str,
    token: str | None = TOKEN,
    body: object = None,
    **headers: str,
) -> tuple[int, Any, http.client.HTTPMessage]:
    """Send one request; answer status, decoded JSON and headers."""
    connection = http.client.HTTPSConnection(
        "127.0.0.1",
        place.server.port,
        timeout=20,
        context=wire.trust(place.certificates.authority),
    )
    headers = {name.replace("_", "-"): value for name, value in headers.items()}
    if token is not None:
        headers["Authorization"] = f"Bearer {token}"
    if body is not None:
        headers.setdefault("Content-Type", "application/json")
    content = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
    try:
        connection.request(method, path, body=content, headers=headers)
        response = connection.getresponse()
        return response.status, json.loads(response.read()), response.headers
    finally:
        connection.close()


def test_a_registration_is_answered_with_all_that_an_agent_needs(place: Place) -> None:
    code, content, headers = ask(
        place, "POST", "/v1/registrations", JOIN, {**GOOD, "token": "n" * 43}
    )
    assert (code, content["registration"]) == (200, 1002)
    assert content["services"] == [{"name": "books", "kind": "http", "port": 11081}]
    assert headers["Content-Type"] == "application/json"
    assert headers["Cache-Control"] == "no-store"
    assert headers["Server"] == "ground2cloud"
    assert headers["Connection"] == "close"


@pytest.mark.parametrize("path", ["/v1/ca", "/v1/openapi.json", "/v1/nothing", SELF])
def test_every_answer_tells_the_time(place: Place, path: str) -> None:
    _, _, headers = ask(place, "GET", path, None)
    assert abs(float(headers[TIME_HEADER]) - time.time()) < 5


@pytest.mark.parametrize("call", BY_AGENT, ids=lambda call: call.name)
@pytest.mark.parametrize(
    "wrong", [None, "", "wrong", "ä", "x" * 43, JOIN, TOKEN[:-1], f" {TOKEN}x"]
)
def test_without_the_agent_token_nothing_is_done_or_told(
    place: Place, call: Call, wrong: str | None
) -> None:
    encoded = None if wrong is None else wrong.encode().decode("latin-1")
    path = call.path.replace("{slot}", "127.0.0.1")
    code, content, headers = ask(place, call.method, path, encoded, {})
    assert (code, content["error"]) == (401, "unauthorized")
    assert headers["WWW-Authenticate"] == "Bearer"
    assert place.desk.asked == []
    assert place.desk.refused == [(call.name, "unauthorized", "127.0.0.1")]


def test_two_tokens_are_none(place: Place) -> None:
    request = (
        f"DELETE {SELF} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {TOKEN}\r\n"
        f"Authorization: Bearer {TOKEN}\r\n\r\n"
    )
    assert raw(place, request.encode()).split()[1] in {b"400", b"401"}
    assert place.desk.asked == []


def test_a_revoked_agent_is_told_so(place: Place) -> None:
    place.desk.revoked.update(place.desk.owners)
    code, content, _ = ask(place, "DELETE", SELF)
    assert (code, content["error"]) == (403, "revoked")
    assert place.desk.asked == []


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b'"\xff"',
        b"[" * 100_000,
        b'{"x":' * 20_000,
        b'{"services":null}',
        b'{"services":[{"name":"a\\n","kind":"http"}]}',
        b'{"services":[{"name":"../../x","kind":"http"}]}',
        b'{"services":[{"name":"a","kind":"smtp"}]}',
        b'{"services":[{"name":"a","kind":"http"},{"name":"a","kind":"tcp"}]}',
    ],
    ids=range(12),
)
def test_a_body_that_is_not_what_it_should_be_is_refused(place: Place, body: bytes) -> None:
    code, content, _ = ask(place, "PUT", f"{SELF}/services", body=body)
    assert (code, content["error"]) == (400, "malformed")
    assert place.desk.asked == []


def test_too_many_services_are_refused_in_plain_words(place: Place) -> None:
    many = [{"name": f"s{i}", "kind": "tcp"} for i in range(MOST_SERVICES + 1)]
    for method, path, token in (
        ("PUT", f"{SELF}/services", TOKEN),
        ("POST", "/v1/registrations", JOIN),
    ):
        code, content, _ = ask(place, method, path, token, {**GOOD, "services": many})
        assert (code, content["error"]) == (400, "malformed")
        assert content["message"] == f"at most {MOST_SERVICES} services, got {len(many)}"
    assert place.desk.asked == []


@pytest.mark.parametrize(
    "key",
    [
        "",
        KEY + "\n",
        KEY + " comment",
        'command="sh" ' + KEY,
        KEY.replace("ssh-ed25519", "ssh-rsa"),
        KEY[:-1],
        KEY + "A",
        KEY + "\nssh-ed25519 AAAA",
        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI" + "é" * 43,
    ],
)
def test_nothing_but_an_ed25519_key_gets_to_the_desk(place: Place, key: str) -> None:
    code, _, _ = ask(place, "PUT", f"{SELF}/key", body={"key": key})
    assert code == 400
    code, _, _ = ask(place, "POST", "/v1/registrations", JOIN, {**GOOD, "key": key})
    assert code == 400
    assert place.desk.asked == []


@pytest.mark.parametrize(
    "slot", ["127.0.0.0", "127.0.0.255", "127.0.0.1%0A", "0.0.0.0", "1", "::1"]
)
def test_a_slot_that_cannot_be_one_is_not_found(place: Place, slot: str) -> None:
    code, content, _ = ask(place, "POST", f"{SELF}/lanes/{slot}/claim", body={})
    assert (code, content["error"]) == (404, "slot-unknown")
    assert place.desk.asked == []


@pytest.mark.parametrize("call", WITH_BODY, ids=lambda call: call.name)
def test_a_body_must_say_that_it_is_json(place: Place, call: Call) -> None:
    path = call.path.replace("{slot}", "127.0.0.1")
    for headers in ({"Content_Type": "text/plain"}, {"Content_Encoding": "gzip"}):
        code, content, _ = ask(place, call.method, path, body=b"{}", **headers)
        assert (code, content["error"]) == (415, "wrong-type")
    assert place.desk.asked == []


def head(method: str, path: str, *lines: str) -> bytes:
    fixed = (
        f"{method} {path} HTTP/1.1",
        "Host: x",
        f"Authorization: Bearer {TOKEN}",
        "Content-Type: application/json",
    )
    return ("\r\n".join((*fixed, *lines)) + "\r\n\r\n").encode()


@pytest.mark.parametrize(
    "request_",
    [
        head("PUT", f"{SELF}/services", f"Content-Length: {BODY_LIMIT + 1}"),
        head("PUT", f"{SELF}/services", "Transfer-Encoding: chunked")
        + b"%x\r\n" % (2 * BODY_LIMIT)
        + b" " * 2 * BODY_LIMIT
        + b"\r\n0\r\n\r\n",
    ],
    ids=["announced", "chunked"],
)
def test_a_large_body_is_refused(place: Place, request_: bytes) -> None:
    answer = raw(place, request_)
    assert answer.split()[1] == b"413"
    assert b'"too-large"' in answer
    assert place.desk.asked == []


@pytest.mark.parametrize(
    "garbage",
    [
        b"SSH-2.0-x\r\n\r\n",
        b"GET /\xff HTTP/9.9\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nX: " + b"y" * 12_000 + b"\r\n\r\n",
        b"GET / HTTP/1.1\r\n" + b"X: y\r\n" * 2400 + b"\r\n",
        b"GET /%zz HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET //evil.example/v1/ca HTTP/1.1\r\nHost: x\r\n\r\n",
        b"CONNECT example.com:443 HTTP/1.1\r\nHost: x\r\n\r\n",
        b"OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET /v1/ca HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        head("PUT", f"{SELF}/services", "Transfer-Encoding: chunked") + b"zz\r\n",
        head("PUT", f"{SELF}/services", "Content-Length: 5", "Transfer-Encoding: chunked")
        + b"0\r\n",
        head("PUT", f"{SELF}/services", "Content-Length: -5"),
        head("PUT", f"{SELF}/services", "Content-Length: 1e9"),
        head("PUT", f"{SELF}/services", "Expect: nonsense", "Content-Length: 2") + b"{}",
    ],
    ids=range(15),
)
def test_garbage_is_refused_in_the_form_of_every_refusal_and_not_logged(
    place: Place, garbage: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    assert len(garbage) < 16_384, "one record of TLS: of several, the first is refused"
    caplog.set_level("INFO")
    answer = raw(place, garbage)
    if garbage.startswith(b"GET /v1/ca"):
        assert answer.split()[1] == b"200"
    else:
        assert answer.split()[1] in {b"400", b"404", b"405"}
        assert re.search(rb'\r\n\r\n{"error":"[a-z-]+","message":"', answer)
    assert TIME_HEADER.encode() in answer
    assert place.desk.asked == []
    assert caplog.text == ""


def test_a_client_may_wait_to_be_told_to_go_on(place: Place) -> None:
    with connect(place) as connection:
        body = b'{"services":[]}'
        connection.sendall(
            head("PUT", f"{SELF}/services", "Expect: 100-continue", f"Content-Length: {len(body)}")
        )
        assert connection.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"
        connection.sendall(body)
        answer = b"".join(iter(lambda: connection.recv(65536), b""))
    assert answer.split()[1] == b"200"


def test_a_second_request_on_a_connection_is_not_read(place: Place) -> None:
    request = b"GET /v1/ca HTTP/1.1\r\nHost: x\r\n\r\n"
    assert raw(place, request + head("DELETE", SELF)).count(b"HTTP/1.1 200") == 1
    assert place.desk.asked == []


def test_another_method_is_told_which_there_is(place: Place) -> None:
    code, content, headers = ask(place, "GET", f"{SELF}/key")
    assert (code, content["error"], headers["Allow"]) == (405, "wrong-method", "PUT")


def test_a_no_of_the_desk_comes_with_its_words(place: Place) -> None:
    place.desk.fault = RefusedError(Slug.KEY_TAKEN, "m" * 3000, "h", retry_after=1.2)
    code, content, headers = ask(place, "PUT", f"{SELF}/key", body={"key": KEY})
    assert code == 409
    assert content == {"error": "key-taken", "message": "m" * 1000, "hint": "h"}
    assert headers["Retry-After"] == "2"


def test_a_defect_is_told_without_its_details_and_the_server_goes_on(
    place: Place, caplog: pytest.LogCaptureFixture
) -> None:
    for defect in (KeyError("the secret"), ConnectionResetError("the secret"), TimeoutError()):
        place.desk.fault = defect
        code, content, _ = ask(place, "DELETE", SELF)
        assert (code, content["error"]) == (500, "defect")
        assert "secret" not in str(content)
    assert "the secret" in caplog.text
    place.desk.fault = None
    assert ask(place, "DELETE", SELF)[0] == 200


def test_no_token_gets_into_the_log(place: Place, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG")
    place.desk.fault = KeyError()
    ask(place, "POST", "/v1/registrations", JOIN, GOOD)
    ask(place, "DELETE", SELF)
    assert "backchannel" in caplog.text
    assert TOKEN not in caplog.text
    assert JOIN not in caplog.text


def test_a_call_that_runs_is_answered_when_the_server_closes(tmp_path: Path) -> None:
    answers: list[int] = []
    gate = threading.Event()
    with serving(tmp_path) as place:
        place.known()
        place.desk.gate = gate
        thread = threading.Thread(target=lambda: answers.append(ask(place, "DELETE", SELF)[0]))
        thread.start()
        wait_until(lambda: place.desk.asked, what="the call has reached the desk")
        threading.Timer(0.3, gate.set).start()
    thread.join(10)
    assert answers == [200]


@pytest.mark.parametrize("what", ["joins", "failures", "calls"])
def test_too_many_requests_are_told_when_to_come_back(tmp_path: Path, what: str) -> None:
    limits = replace(UNLIMITED, **{what: Rate(3, 0.01)})
    token = {"joins": JOIN, "failures": "w" * 43, "calls": TOKEN}[what]
    path = "/v1/registrations" if what == "joins" else f"{SELF}/services"
    method = "POST" if what == "joins" else "PUT"
    with serving(tmp_path, limits=limits) as place:
        place.known()
        codes = [ask(place, method, path, token, {})[0] for _ in range(3)]
        code, content, headers = ask(place, method, path, token, {})
        other = ask(place, "PUT", f"{SELF}/services", TOKEN, {"services": []})[0]
    assert codes == [401 if what == "failures" else 400] * 3
    assert (code, content["error"]) == (429, "too-many")
    assert 90 <= int(headers["Retry-After"]) <= 100
    assert other == (429 if what == "calls" else 200)
    assert len(place.desk.refused) == (3 if what == "failures" else 0)
