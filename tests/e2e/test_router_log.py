"""The line that an operator's syslog gets of each call."""

import re
import socket
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from ground2cloud.config.model import Kind
from tests.lab import listener
from tests.lab.httpapp import HttpApp
from tests.lab.listener import standing
from tests.lab.router import SECRET, Router, backend, head, read_reply


@pytest.fixture(params=["udp", "unix"])
def syslog(request: pytest.FixtureRequest, short_dir: Path) -> Iterator[socket.socket]:
    """Where HAProxy's log goes."""
    if request.param == "udp":
        receiver = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        receiver.bind(("127.0.0.1", 0))
    else:
        receiver = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        receiver.bind(str(short_dir / "syslog"))
    receiver.settimeout(20)
    with closing(receiver):
        yield receiver


def target(syslog: socket.socket) -> str:
    """What HAProxy is told."""
    at = syslog.getsockname()
    return at if isinstance(at, str) else f"{at[0]}:{at[1]}"


def next_call(syslog: socket.socket) -> tuple[str, dict[str, str]]:
    """The next line that is of a call, as it is and taken apart."""
    while True:
        line = syslog.recv(65536).decode()
        if " call source=" in line:
            return line, dict(re.findall(r"(\w+)=(\"[^\"]*\"|\S*)", line))


def test_each_call_is_a_line_without_its_key(
    short_dir: Path, http_app: HttpApp, syslog: socket.socket
) -> None:
    with (
        standing(listener.echo) as echo,
        Router(
            short_dir,
            [backend(http_app.port), backend(echo, "db", kind=Kind.POSTGRESQL)],
            access_log=target(syslog),
        ) as router,
    ):
        with router.connect() as connection:
            source = f"127.0.0.1:{connection.getsockname()[1]}"
            for path, sent, status, error in (
                ("/one?pass=word", SECRET, "200", "-"),
                ("/two", "another", "401", "wrong-key"),
            ):
                connection.sendall(head("GET", path, "1001", f"Ground2Cloud-Key: {sent}").encode())
                reply = read_reply(connection)
                line, call = next_call(syslog)
                assert sent not in line
                assert "word" not in line, "what follows a ? may be a secret"
                assert call["source"] == source
                assert (call["method"], call["path"]) == ("GET", f'"{path.partition("?")[0]}"')
                assert (call["status"], call["error"]) == (status, error)
                assert str(reply.status) == status
                assert call["route"] == "1001/web"
                assert call["element"] == ("1" if status == "200" else "-")
                assert re.fullmatch(r"[0-9a-f-]{36}", call["request"])
        with router.tunnel("db-1001") as tunnel:
            tunnel.sendall(b"0123456789")
            assert tunnel.recv(10) == b"0123456789"
        line, call = next_call(syslog)
        assert SECRET not in line
        assert (call["method"], call["route"], call["element"]) == ("CONNECT", "1001/db", "1")
        assert int(call["bytes_out"]) >= 10


def test_a_call_can_not_write_lines_of_its_own(
    short_dir: Path, http_app: HttpApp, syslog: socket.socket
) -> None:
    with Router(short_dir, [backend(http_app.port)], access_log=target(syslog)) as router:
        assert router.get(path='/a"%20call%20source=x').status == 200
        line, call = next_call(syslog)
        assert call["status"] == "200"
        assert line.count(" call source=") == 1
        assert line.rstrip("\n").count("\n") == 0
        assert r'path="/a\"%20call%20source=x" status' in line
