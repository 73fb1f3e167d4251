"""The local API over real loopback connections, spoken to as a stranger would."""

import http.client
import json
import os
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ground2cloud.web import address
from ground2cloud.web.messages import Answer
from ground2cloud.web.server import ApiServer
from tests.lab.fake_agent import FakeAgent, serving


@pytest.fixture
def agent() -> FakeAgent:
    return FakeAgent()


@pytest.fixture
def server(agent: FakeAgent, tmp_path: Path) -> Iterator[ApiServer]:
    with serving(agent, tmp_path) as running:
        yield running


@pytest.fixture
def token(server: ApiServer, tmp_path: Path) -> str:
    assert server.address
    return str(json.loads((tmp_path / "control.json").read_text())["token"])


def ask(
    server: ApiServer, method: str, path: str, token: str | None, **headers: str
) -> tuple[int, Any, http.client.HTTPMessage]:
    """Send one request; answer status, decoded JSON and headers."""
    connection = http.client.HTTPConnection(*address.split(server.address), timeout=10)
    if token is not None:
        headers["Authorization"] = f"Bearer {token}"
    try:
        connection.request(method, path, headers=headers)
        response = connection.getresponse()
        return response.status, json.loads(response.read()), response.headers
    finally:
        connection.close()


def raw(server: ApiServer, request: bytes) -> bytes:
    """Send bytes; answer what comes back until the server closes."""
    with socket.create_connection(address.split(server.address), timeout=10) as connection:
        connection.sendall(request)
        return b"".join(iter(lambda: connection.recv(65536), b""))


def test_status_is_answered_as_json_that_nobody_keeps(server: ApiServer, token: str) -> None:
    code, content, headers = ask(server, "GET", "/v1/status", token)
    assert code == 200
    assert content["summary"] == "1/1 up"
    assert content["services"][0]["lights"]["path"]["state"] == "unknown"
    assert headers["Content-Type"] == "application/json"
    assert headers["Cache-Control"] == "no-store"
    assert headers["Server"] == "ground2cloud"


@pytest.mark.parametrize(
    ("path", "request_"),
    [
        ("/v1/reload", "reload"),
        ("/v1/restart", "restart"),
        ("/v1/stop", "stop"),
        ("/v1/services/quickbooks/pause", "pause quickbooks"),
        ("/v1/services/quickbooks/resume", "resume quickbooks"),
    ],
)
def test_every_request_reaches_the_agent(
    server: ApiServer, token: str, agent: FakeAgent, path: str, request_: str
) -> None:
    code, content, _ = ask(server, "POST", path, token)
    assert (code, content["ok"]) == (200, True)
    assert agent.asked == [request_]


def test_a_request_that_fails_says_so_in_the_status_code(
    server: ApiServer, token: str, agent: FakeAgent
) -> None:
    agent.answer = Answer(ok=False, problems=("agent.toml: bad",))
    code, content, _ = ask(server, "POST", "/v1/reload", token)
    assert (code, content["problems"]) == (409, ["agent.toml: bad"])


def test_an_unknown_service_is_answered_with_the_one_that_was_meant(
    server: ApiServer, token: str, agent: FakeAgent
) -> None:
    code, content, _ = ask(server, "POST", "/v1/services/quickboks/pause", token)
    assert (code, content["hint"]) == (404, "did you mean quickbooks?")
    code, content, _ = ask(server, "POST", "/v1/services/%2e%2e%2fx/pause", token)
    assert (code, content["hint"]) == (404, "there is: quickbooks")
    assert agent.asked == []


@pytest.mark.parametrize("wrong", [None, "", "wrong", "ä", "x" * 4000])
@pytest.mark.parametrize("path", ["/v1/stop", "/v1/nothing"])
def test_without_the_token_nothing_is_done_or_told(
    server: ApiServer, agent: FakeAgent, wrong: str | None, path: str
) -> None:
    encoded = None if wrong is None else wrong.encode().decode("latin-1")
    code, content, headers = ask(server, "POST", path, encoded)
    assert (code, content["ok"]) == (401, False)
    assert headers["WWW-Authenticate"] == "Bearer"
    assert agent.asked == []


def test_a_token_must_be_whole_and_nothing_more(
    server: ApiServer, token: str, agent: FakeAgent
) -> None:
    for near in (token[:-1], token + "A", token.swapcase(), f" {token}"):
        assert ask(server, "POST", "/v1/stop", near)[0] == 401
    assert agent.asked == []


def test_a_name_that_resolves_here_is_not_this_host(
    server: ApiServer, token: str, agent: FakeAgent
) -> None:
    port = address.split(server.address)[1]
    for host in ("evil.example", f"evil.example:{port}", "127.0.0.1", f"127.0.0.1:{port + 1}", ""):
        code, content, headers = ask(server, "POST", "/v1/stop", token, Host=host)
        assert (code, content["ok"]) == (403, False), host
        assert "Access-Control-Allow-Origin" not in headers
    assert agent.asked == []


def test_every_name_of_loopback_is_this_host(server: ApiServer, token: str) -> None:
    port = address.split(server.address)[1]
    for host in (f"127.0.0.1:{port}", f"localhost:{port}", f"LOCALHOST:{port}", f"[::1]:{port}"):
        assert ask(server, "GET", "/v1/status", token, Host=host)[0] == 200, host


def test_two_host_headers_are_refused(server: ApiServer, token: str, agent: FakeAgent) -> None:
    request = (
        f"POST /v1/stop HTTP/1.1\r\nHost: {server.address}\r\nHost: evil.example\r\n"
        f"Authorization: Bearer {token}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
    )
    assert raw(server, request.encode()).split()[1] in {b"400", b"403"}
    assert agent.asked == []


def test_a_browser_is_not_allowed_to_ask_from_another_origin(server: ApiServer, token: str) -> None:
    code, _, headers = ask(server, "OPTIONS", "/v1/stop", token, Origin="https://evil.example")
    assert code == 405
    assert headers["Allow"] == "POST"
    assert not [name for name in headers if name.lower().startswith("access-control")]


def test_a_call_that_does_not_exist_is_told_as_json(server: ApiServer, token: str) -> None:
    code, content, _ = ask(server, "GET", "/v2/everything", token)
    assert (code, content["message"]) == (404, "not found")


@pytest.mark.parametrize(
    "body",
    [
        b"Content-Length: 100000\r\n\r\n" + b"x" * 100_000,
        b"Transfer-Encoding: chunked\r\n\r\n" + b"1000\r\n" + b"x" * 4096 + b"\r\n0\r\n\r\n",
    ],
    ids=["announced", "chunked"],
)
def test_a_large_body_is_refused(
    server: ApiServer, token: str, agent: FakeAgent, body: bytes
) -> None:
    head = (
        f"POST /v1/stop HTTP/1.1\r\nHost: {server.address}\r\n"
        f"Authorization: Bearer {token}\r\nConnection: close\r\n"
    )
    assert raw(server, head.encode() + body).split()[1] == b"413"
    assert agent.asked == []


def test_a_defect_is_told_without_its_details_and_the_api_goes_on(
    server: ApiServer, token: str, agent: FakeAgent, caplog: pytest.LogCaptureFixture
) -> None:
    agent.fault = KeyError("the secret")
    code, content, _ = ask(server, "GET", "/v1/status", token)
    assert (code, content["message"]) == (500, "this is a defect of the program")
    assert "the secret" in caplog.text
    agent.fault = None
    assert ask(server, "GET", "/v1/status", token)[0] == 200


def test_no_stranger_can_fill_the_log(server: ApiServer, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    for garbage in (
        b"\x16\x03\x01\x02\x00\r\n\r\n",
        b"GET /\xff HTTP/9.9\r\n\r\n",
        b"SSH-2.0-x\r\n\r\n",
    ):
        assert b"Traceback" not in raw(server, garbage)
    ask(server, "GET", "/v1/status", "wrong")
    assert caplog.text == ""


def test_the_file_tells_address_and_process(server: ApiServer, tmp_path: Path) -> None:
    content = json.loads((tmp_path / "control.json").read_text())
    assert content["address"] == server.address
    assert content["pid"] == os.getpid()
    assert len(content["token"]) >= 43  # 256 bits


def test_every_start_has_a_token_of_its_own(tmp_path: Path) -> None:
    tokens = set()
    for _ in range(2):
        with serving(FakeAgent(), tmp_path):
            tokens.add(json.loads((tmp_path / "control.json").read_text())["token"])
        assert not (tmp_path / "control.json").exists()
    assert len(tokens) == 2


def test_closing_leaves_the_file_of_another_agent_alone(tmp_path: Path) -> None:
    file = tmp_path / "control.json"
    with serving(FakeAgent(), tmp_path):
        file.write_text("another's")
    assert file.read_text() == "another's"


def test_a_taken_port_is_replaced_and_told(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as holder:
        taken = f"127.0.0.1:{holder.getsockname()[1]}"
        with serving(FakeAgent(), tmp_path, taken) as server:
            assert server.address not in {"", taken}
            content = json.loads((tmp_path / "control.json").read_text())
            assert ask(server, "GET", "/v1/status", content["token"])[0] == 200
    assert f"can't listen on {taken}" in caplog.text
    assert server.address == ""


def test_it_listens_on_nothing_but_loopback(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with serving(FakeAgent(), tmp_path, "0.0.0.0:0") as server:
        assert address.split(server.address)[0] == "127.0.0.1"
    assert "not a loopback address: 0.0.0.0" in caplog.text


def test_a_run_directory_that_cannot_be_made_does_not_stop_the_program(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").write_text("in the way")
    with serving(FakeAgent(), tmp_path / "file" / "run") as server:
        assert server.address
    assert "can't write" in caplog.text
