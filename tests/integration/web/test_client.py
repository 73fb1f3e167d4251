"""What the command line learns from an agent, and from everything that is not quite one."""

import json
import os
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from ground2cloud.errors import Ground2CloudError
from ground2cloud.web.client import ApiClient, NotRunningError
from ground2cloud.web.gateway_client import GatewayClient
from ground2cloud.web.messages import Answer, ControlFile
from tests.lab.fake_agent import FakeAgent, serving, status
from tests.lab.ports import free_port

TOKEN = "t" * 43


@contextmanager
def answering(content: bytes | None) -> Iterator[ApiClient]:
    """Listen, answer one request with these bytes and close; with None, never answer."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        stop = threading.Event()

        def serve() -> None:
            connection, _ = listener.accept()
            # Who has heard enough hangs up.
            with connection, suppress(OSError):
                if content is None:
                    stop.wait(10)
                else:
                    connection.recv(65536)
                    connection.sendall(content)

        thread = threading.Thread(target=serve)
        thread.start()
        address = f"127.0.0.1:{listener.getsockname()[1]}"
        try:
            yield ApiClient(ControlFile(address, TOKEN, 4711), read_timeout=0.3)
        finally:
            stop.set()
            thread.join(10)


def test_every_call_reaches_the_agent_and_comes_back(tmp_path: Path) -> None:
    agent = FakeAgent(answer=Answer(ok=True, message="done"))
    with serving(agent, tmp_path):
        client = ApiClient.from_run_dir(tmp_path)
        assert client.pid == os.getpid()
        assert client.status() == status()
        answers = [
            client.reload(),
            client.pause("quickbooks"),
            client.resume("quickbooks"),
            client.restart(),
            client.stop(),
        ]
    assert agent.asked == ["reload", "pause quickbooks", "resume quickbooks", "restart", "stop"]
    assert answers == [agent.answer] * 5


def test_a_no_with_reasons_is_an_answer_and_no_error(tmp_path: Path) -> None:
    refusal = Answer(ok=False, problems=("agent.toml: bad",), hint="mend it")
    with serving(FakeAgent(answer=refusal), tmp_path):
        client = ApiClient.from_run_dir(tmp_path)
        assert client.reload() == refusal
        assert client.pause("quickboks").hint == "did you mean quickbooks?"
        assert not client.pause("../stop").ok


def test_without_a_file_no_agent_is_running(tmp_path: Path) -> None:
    for run_dir in (tmp_path, tmp_path / "missing"):
        with pytest.raises(NotRunningError, match=r"^the agent is not running$") as caught:
            ApiClient.from_run_dir(run_dir)
        assert caught.value.hint == "start it with: ground2cloud run"


@pytest.mark.parametrize(
    ("kind", "start"),
    [(ApiClient, "ground2cloud run"), (GatewayClient, "ground2cloud gateway run")],
)
def test_a_file_left_by_a_killed_agent_means_not_running(kind: type[ApiClient], start: str) -> None:
    client = kind(ControlFile(f"127.0.0.1:{free_port()}", TOKEN, 4711))
    with pytest.raises(NotRunningError, match=r"not running \(process 4711 ") as caught:
        client.status()
    assert caught.value.hint == f"start it with: {start}"


def test_the_token_of_another_agent_is_told_as_that(tmp_path: Path) -> None:
    with serving(FakeAgent(), tmp_path) as server:
        client = ApiClient(ControlFile(server.address, TOKEN, 1))
        with pytest.raises(Ground2CloudError, match="not the one of this configuration"):
            client.status()


def test_an_agent_that_hangs_is_waited_for_within_bounds() -> None:
    with answering(None) as client, pytest.raises(Ground2CloudError, match=r"within 0\.3 s"):
        client.status()


def test_a_defect_of_the_agent_is_told_in_its_words(tmp_path: Path) -> None:
    with serving(FakeAgent(fault=KeyError("x")), tmp_path):
        client = ApiClient.from_run_dir(tmp_path)
        with pytest.raises(Ground2CloudError, match="defect of the program") as caught:
            client.status()
    assert caught.value.hint == "the details are in the log"


HTTP = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b"


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"\x00\xff" * 500,
        b"HTTP/1.1 999999 \r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n{",
        b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n{}",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"HTTP/1.1 500 Oops\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 302 Found\r\nLocation: http://192.0.2.1/\r\nContent-Length: 0\r\n\r\n",
        HTTP % (2, b"{}"),
        HTTP % (2, b"[]"),
        HTTP % (2, b"\xff\xfe"),
        HTTP % (100_000, b"[" * 100_000),
        b"HTTP/1.1 200 OK\r\nX: " + b"y" * 100_000 + b"\r\n\r\n",
    ],
)
def test_what_is_no_agent_is_told_as_that(content: bytes) -> None:
    with (
        answering(content) as client,
        pytest.raises(Ground2CloudError, match=r"understood") as caught,
    ):
        client.status()
    assert "is not understood" in caught.value.message
    assert len(caught.value.message) < 300


@pytest.mark.parametrize(
    "content",
    [
        "",
        "{}",
        "[1]",
        "nonsense",
        json.dumps({"address": "192.0.2.1:80", "token": TOKEN, "pid": 1}),
        json.dumps({"address": "127.0.0.1", "token": TOKEN, "pid": 1}),
        json.dumps({"address": "127.0.0.1:1", "token": "a\r\nb", "pid": 1}),
        json.dumps({"address": "127.0.0.1:1", "token": TOKEN, "pid": "1"}),
    ],
)
def test_a_damaged_file_sends_nothing_anywhere(tmp_path: Path, content: str) -> None:
    (tmp_path / "control.json").write_text(content)
    with pytest.raises(Ground2CloudError, match=r"control\.json is damaged"):
        ApiClient.from_run_dir(tmp_path)


def test_a_file_that_is_no_file_is_told(tmp_path: Path) -> None:
    (tmp_path / "control.json").mkdir()
    with pytest.raises(Ground2CloudError, match=r"can't read|not allowed to read"):
        ApiClient.from_run_dir(tmp_path)
