"""The lab itself: what every other test stands on."""

import hashlib
import http.client
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from tests.lab.agent import service, write_config
from tests.lab.httpapp import HttpApp
from tests.lab.mariadb import MariaDb
from tests.lab.postgres import Postgres
from tests.lab.processes import end_child, is_alive
from tests.lab.small_gateway import SmallGateway
from tests.lab.sshd import ThrowawaySshd
from tests.lab.waiting import eventually, http_get, wait_until


@contextmanager
def plain_tunnel(
    sshd: ThrowawaySshd, remote_port: int, target: int, key: Path | None = None
) -> Iterator[subprocess.Popen[bytes]]:
    forward = f"127.0.0.1:{remote_port}:127.0.0.1:{target}"
    argv = sshd.client_argv("-N", "-R", forward, key=key)
    with subprocess.Popen(argv, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE) as ssh:
        try:
            yield ssh
        finally:
            end_child(ssh)


def test_a_small_gateway_that_does_not_come_up_leaves_nothing() -> None:
    gateway = SmallGateway()
    with (
        socket.create_server(("127.0.0.1", gateway.port)),
        pytest.raises(OSError, match="in use"),
        gateway,
    ):
        pass
    assert not gateway.sshd.running
    assert not gateway.sshd.directory.exists()
    assert not gateway.state.exists()


def test_a_plain_ssh_reaches_the_application(
    sshd: ThrowawaySshd, http_app: HttpApp, remote_port: int
) -> None:
    with plain_tunnel(sshd, remote_port, http_app.port):
        answer = wait_until(lambda: http_get(remote_port), what="an answer through the tunnel")
    assert answer == "hello from app\n"
    assert http_app.requests == 1


def test_the_end_of_sshd_ends_the_tunnel_and_a_restart_keeps_the_port(
    sshd: ThrowawaySshd, http_app: HttpApp, remote_port: int
) -> None:
    port = sshd.port
    with plain_tunnel(sshd, remote_port, http_app.port) as ssh:
        wait_until(lambda: http_get(remote_port), what="an answer through the tunnel")
        sshd.restart()
        assert ssh.wait(10) == 255
    assert sshd.port == port
    with plain_tunnel(sshd, remote_port, http_app.port):
        wait_until(lambda: http_get(remote_port), what="an answer after the restart")


def test_a_restart_can_leave_the_sessions_alone_and_the_end_still_finds_them(
    sshd: ThrowawaySshd, http_app: HttpApp, remote_port: int
) -> None:
    with plain_tunnel(sshd, remote_port, http_app.port) as ssh:
        wait_until(lambda: http_get(remote_port), what="an answer through the tunnel")
        sshd.restart(end_sessions=False)
        assert http_get(remote_port)
        sshd.stop()
        assert ssh.wait(10) == 255


def test_killed_sessions_end_the_tunnel_but_not_the_server(
    sshd: ThrowawaySshd, http_app: HttpApp, remote_port: int
) -> None:
    with plain_tunnel(sshd, remote_port, http_app.port) as ssh:
        wait_until(lambda: http_get(remote_port), what="an answer through the tunnel")
        assert sshd.kill_sessions() >= 1
        assert ssh.wait(10) == 255
    assert sshd.running


def test_a_frozen_server_is_silent_and_goes_on_when_thawed(
    sshd: ThrowawaySshd, http_app: HttpApp, remote_port: int
) -> None:
    with plain_tunnel(sshd, remote_port, http_app.port):
        wait_until(lambda: http_get(remote_port), what="an answer through the tunnel")
        sshd.freeze()
        with pytest.raises(TimeoutError):
            http_get(remote_port, timeout=0.3)
        sshd.thaw()
        wait_until(lambda: http_get(remote_port), what="an answer after the thaw")


def test_a_key_may_be_held_to_its_ports_and_its_command(
    sshd: ThrowawaySshd, http_app: HttpApp, remote_port: int
) -> None:
    permit = f'restrict,port-forwarding,permitlisten="127.0.0.1:{remote_port}",command="exec cat"'
    key = sshd.new_client_key("lane", permit)
    held = subprocess.run(
        sshd.client_argv("-T", key=key), input=b"beat\n", capture_output=True, check=True
    )
    assert held.stdout == b"beat\n"
    with plain_tunnel(sshd, remote_port, http_app.port, key):
        wait_until(lambda: http_get(remote_port), what="an answer through the tunnel")
    with plain_tunnel(sshd, remote_port + 1, http_app.port, key) as refused:
        assert refused.wait(10) == 255


def test_strangers_and_revoked_keys_are_denied(sshd: ThrowawaySshd) -> None:
    stranger = sshd.new_stranger_key("stranger")
    assert b"Permission denied" in _refusal(sshd, stranger)
    sshd.revoke()
    assert b"Permission denied" in _refusal(sshd, sshd.identity_file)


def test_a_changed_host_key_is_noticed_by_those_who_know_the_old_one(sshd: ThrowawaySshd) -> None:
    old = sshd.known_hosts.read_text()
    sshd.change_host_key()
    sshd.restart()
    assert sshd.host_key not in old
    sshd.known_hosts.write_text(old)
    assert b"HOST IDENTIFICATION HAS CHANGED" in _refusal(sshd, sshd.identity_file)


def test_a_bad_option_is_refused_in_the_words_of_sshd(sshd: ThrowawaySshd) -> None:
    with pytest.raises(AssertionError, match="Bad configuration option: Nonsense"):
        sshd.set_options("Nonsense yes")


def test_options_hold_from_the_next_connection_on(sshd: ThrowawaySshd, remote_port: int) -> None:
    sshd.set_options("AllowTcpForwarding no")
    with plain_tunnel(sshd, remote_port, 1) as ssh:
        assert ssh.wait(10) == 255


def test_nothing_is_left_after_the_end(http_app: HttpApp, remote_port: int) -> None:
    with ThrowawaySshd() as sshd:
        directory = sshd.directory
        with plain_tunnel(sshd, remote_port, http_app.port):
            wait_until(lambda: http_get(remote_port), what="an answer through the tunnel")
            processes = [psutil.Process(sshd.pid), *sshd.sessions()]
            sshd.stop()
    assert len(processes) >= 2
    assert not any(map(is_alive, processes))
    assert not directory.exists()


def test_the_application_serves_echoes_and_takes_uploads(http_app: HttpApp) -> None:
    assert len(http_get(http_app.port, "/bytes/100000")) == 100_000
    assert _post(http_app, "/echo", b"abc") == b"abc"
    assert _post(http_app, "/upload", b"abc").decode() == hashlib.sha256(b"abc").hexdigest()
    assert http_app.requests == 3


def test_the_application_can_go_away_with_its_connections_and_come_back(http_app: HttpApp) -> None:
    with socket.create_connection((http_app.host, http_app.port)) as idle:
        wait_until(lambda: http_app.connections, what="the connection seen")
        http_app.stop()
        assert idle.recv(1) == b""
    with pytest.raises(ConnectionRefusedError):
        http_get(http_app.port)
    http_app.start()
    assert http_get(http_app.port) == "hello from app\n"


def test_postgresql_answers_its_own_client(postgres: Postgres) -> None:
    assert postgres.query("SELECT 6 * 7, 'x'") == "42\tx\n"


def test_mariadb_answers_its_own_client(mariadb: MariaDb) -> None:
    assert mariadb.query("SELECT 6 * 7, 'x'") == "42\tx\n"


async def test_waiting_says_what_it_waited_for() -> None:
    with pytest.raises(AssertionError, match=r"not within 0\.1 s: the moon"):
        wait_until(lambda: False, timeout=0.1, what="the moon")
    with pytest.raises(AssertionError, match=r"the sun.*refused"):
        await eventually(_refuse, timeout=0.1, what="the sun")


def test_the_configuration_names_the_sshd_and_sections_win(
    short_dir: Path, sshd: ThrowawaySshd
) -> None:
    text = write_config(
        short_dir, sshd, [service(8080, 11081)], log={"level": "debug"}, backoff={"initial": 0.1}
    ).read_text()
    for line in (f'host_key = "{sshd.host_key}"', 'level = "debug"', "initial = 0.1"):
        assert line in text


def _post(app: HttpApp, path: str, body: bytes) -> bytes:
    connection = http.client.HTTPConnection(app.host, app.port, timeout=5)
    try:
        connection.request("POST", path, body)
        return connection.getresponse().read()
    finally:
        connection.close()


def _refuse() -> bool:
    raise ConnectionRefusedError("refused")


def _refusal(sshd: ThrowawaySshd, key: Path) -> bytes:
    argv = sshd.client_argv("-T", key=key)
    return subprocess.run(
        [*argv, "true"], stdin=subprocess.DEVNULL, capture_output=True, check=False
    ).stderr
