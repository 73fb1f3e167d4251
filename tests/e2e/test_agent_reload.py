"""Edits while it runs: only what changed is touched, and a mistake changes nothing."""

import socket
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from ground2cloud.web.client import ApiClient
from tests.lab.agent import Agent, service
from tests.lab.editing import edit
from tests.lab.httpapp import HttpApp
from tests.lab.ports import free_port, free_ports
from tests.lab.sshd import ThrowawaySshd
from tests.lab.waiting import http_get, wait_until

Make = Callable[..., Agent]


def answers(port: int, name: str) -> bool:
    return http_get(port) == f"hello from {name}\n"


@pytest.fixture
def other_app() -> Iterator[HttpApp]:
    with HttpApp("other") as app:
        yield app


def started(agent: Agent) -> Agent:
    agent.start()
    agent.wait_ready()
    # Until the session's command runs, its process holds a copy of every listener: no port moves.
    wait_until(lambda: agent.status().lanes[0].session == "held", what="a heartbeat")
    return agent


class Held:
    """A connection through the tunnel that is kept open and asked again."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=5)

    def ask(self) -> bytes:
        self._socket.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        answer = b""
        while not answer.endswith(b"\n") or b"hello" not in answer:
            chunk = self._socket.recv(4096)
            assert chunk, "the connection was cut"
            answer += chunk
        return answer

    def close(self) -> None:
        self._socket.close()


def test_an_edit_of_log_and_backoff_touches_no_lane(make_agent: Make, http_app: HttpApp) -> None:
    agent = started(make_agent([service(http_app.port, free_port())]))
    before = agent.ssh_pids()

    def change(tables: dict[str, Any]) -> None:
        tables["log"]["level"] = "debug"
        tables["backoff"] = {"maximum": 7.0}

    edit(agent.config, change)
    wait_until(lambda: "configuration applied" in agent.log_text(), what="the reload")
    assert agent.ssh_pids() == before
    assert agent.status().lanes[0].restarts == 0


def test_a_log_file_that_can_not_be_had_is_told_until_it_can(
    make_agent: Make, http_app: HttpApp
) -> None:
    agent = started(make_agent([service(http_app.port, free_port())]))
    before = agent.status().log
    wanted = agent.config.parent / "not yet" / "agent.log"
    wanted.parent.write_text("a file")
    edit(agent.config, lambda tables: tables.setdefault("log", {}).update(file=str(wanted)))
    assert agent.cli("reload").returncode == 0
    status = agent.status()
    assert status.log == before
    assert status.log_trouble.startswith(f"{wanted} can't be opened: ")
    wanted.parent.unlink()
    assert agent.cli("reload").returncode == 0
    assert (agent.status().log, agent.status().log_trouble) == (str(wanted), "")
    agent.stop()


def test_a_changed_target_leaves_the_other_services_connections_alive(
    make_agent: Make, http_app: HttpApp, other_app: HttpApp
) -> None:
    moved, kept = free_ports(2)
    services = [
        service(http_app.port, moved, name="moved"),
        service(http_app.port, kept, name="kept"),
    ]
    agent = started(make_agent(services))
    connection = Held(kept)
    connection.ask()
    before = agent.ssh_pids()
    edit(agent.config, lambda tables: tables["service"][0].update(port=other_app.port))
    wait_until(lambda: answers(moved, "other"), what="the new target")
    assert b"hello from app" in connection.ask()
    connection.close()
    assert agent.ssh_pids() == before


def test_a_client_with_one_retry_does_not_notice_a_changed_target(
    make_agent: Make, http_app: HttpApp, other_app: HttpApp
) -> None:
    port = free_port()
    agent = started(make_agent([service(http_app.port, port)]))
    stop, failures, asked = threading.Event(), [], []

    def client() -> None:
        while not stop.is_set():
            for attempt in (1, 2):
                try:
                    http_get(port)
                    break
                except OSError as error:
                    if attempt == 2:
                        failures.append(error)
                    time.sleep(0.05)
            asked.append(1)

    thread = threading.Thread(target=client)
    thread.start()
    try:
        for target, name in ((other_app, "other"), (http_app, "app")) * 3:
            edit(agent.config, lambda tables, t=target: tables["service"][0].update(port=t.port))
            wait_until(lambda n=name: answers(port, n), what="the new target")
        wait_until(lambda: len(asked) > 50, what="a client that asked often")
    finally:
        stop.set()
        thread.join()
    assert failures == []
    assert agent.status().lanes[0].restarts == 0


def test_services_come_and_go_without_touching_the_others(
    make_agent: Make, http_app: HttpApp
) -> None:
    first, second = free_ports(2)
    agent = started(make_agent([service(http_app.port, first, name="first")]))
    connection = Held(first)
    connection.ask()
    more = service(http_app.port, second, name="second")
    edit(agent.config, lambda tables: tables["service"].append(more))
    wait_until(lambda: answers(second, "app"), what="the added service")
    edit(agent.config, lambda tables: tables["service"].pop())
    wait_until(lambda: not _open(second), what="the removed service gone")
    connection.ask()
    connection.close()
    assert len(agent.ssh_pids()) == 1


def test_an_added_service_that_is_forbidden_leaves_the_others_alone(
    make_agent: Make, sshd: ThrowawaySshd, http_app: HttpApp
) -> None:
    good, bad = free_ports(2)
    sshd.set_key_options(
        f'restrict,port-forwarding,permitlisten="127.0.0.1:{good}",command="exec cat"'
    )
    agent = started(make_agent([service(http_app.port, good, name="good")]))
    connection = Held(good)
    connection.ask()
    more = service(http_app.port, bad, name="bad")
    edit(agent.config, lambda tables: tables["service"].append(more))
    wait_until(lambda: "lane 2 blocked" in agent.log_text(), what="the refusal told")
    connection.ask()
    connection.close()


def test_another_remote_port_moves_the_service(make_agent: Make, http_app: HttpApp) -> None:
    old, new = free_ports(2)
    agent = started(make_agent([service(http_app.port, old)]))
    edit(agent.config, lambda tables: tables["service"][0].update(remote_port=new))
    wait_until(lambda: answers(new, "app"), what="the new port")
    wait_until(lambda: not _open(old), what="the old port closed")


def test_another_gateway_gets_a_new_connection(make_agent: Make, http_app: HttpApp) -> None:
    port = free_port()
    agent = started(make_agent([service(http_app.port, port)]))
    with ThrowawaySshd() as elsewhere:

        def change(tables: dict[str, Any]) -> None:
            tables["gateway"].update(
                ssh_port=elsewhere.port,
                host_key=elsewhere.host_key,
                identity_file=str(elsewhere.identity_file),
            )

        edit(agent.config, change)
        wait_until(elsewhere.sessions, what="a session on the other gateway")
        wait_until(lambda: answers(port, "app"), what="the tunnel there")
        agent.stop()


BROKEN = {
    "syntax": ('kind = "http"', 'kind = "http'),
    "range": ("remote_port = ", "remote_port = 9"),
    "unknown key": ('kind = "http"', 'kind = "http"\ncolour = "red"'),
}


@pytest.mark.parametrize("mistake", BROKEN)
def test_a_broken_edit_is_reported_and_the_running_configuration_stays(
    make_agent: Make, http_app: HttpApp, mistake: str
) -> None:
    port = free_port()
    agent = started(make_agent([service(http_app.port, port)]))
    good = agent.config.read_text()
    before = agent.ssh_pids()
    agent.config.write_text(good.replace(*BROKEN[mistake]))
    wait_until(lambda: agent.status().problems, what="the problem shown")
    assert "agent.toml" in agent.status().problems[0]
    reload = agent.cli("reload")
    assert reload.returncode != 0
    assert "agent.toml" in reload.stderr
    assert "Traceback" not in reload.stderr
    assert answers(port, "app")
    assert agent.ssh_pids() == before
    agent.config.write_text(good)
    wait_until(lambda: not agent.status().problems, what="the problem gone")
    assert agent.cli("reload").returncode == 0


def test_what_is_mended_before_it_settled_is_no_problem(
    make_agent: Make, http_app: HttpApp
) -> None:
    """A reload reads what is broken before the watch looks; then the file is again as it was."""
    agent = started(make_agent([service(http_app.port, free_port())]))
    good = agent.config.read_text()
    client = ApiClient.from_run_dir(agent.config.parent / "run")
    for _ in range(3):
        agent.config.write_text(good + "\n[nonsense]\n")
        assert client.reload().problems
        agent.config.write_text(good)
        wait_until(lambda: not agent.status().problems, what="the problem gone")


def test_a_removed_file_is_no_reason_to_stop(make_agent: Make, http_app: HttpApp) -> None:
    port = free_port()
    agent = started(make_agent([service(http_app.port, port)]))
    away = agent.config.with_suffix(".away")
    agent.config.rename(away)
    wait_until(lambda: agent.status().problems, what="the problem shown")
    assert answers(port, "app")
    away.rename(agent.config)
    wait_until(lambda: not agent.status().problems, what="the problem gone")


def test_an_unusable_configuration_at_the_start_ends_with_78(
    make_agent: Make, http_app: HttpApp
) -> None:
    agent = make_agent([service(http_app.port, free_port(), kind="http", colour="red")])
    done = agent.cli("run")
    assert done.returncode == 78
    assert "service[0].colour" in done.stderr
    assert "Traceback" not in done.stderr


def test_pause_withdraws_a_service_and_resume_brings_it_back_also_over_a_restart(
    make_agent: Make, http_app: HttpApp
) -> None:
    first, second = free_ports(2)
    services = [
        service(http_app.port, first, name="first"),
        service(http_app.port, second, name="second"),
    ]
    agent = started(make_agent(services))
    assert agent.cli("pause", "second").returncode == 0
    wait_until(lambda: not _open(second), what="the port closed")
    assert answers(first, "app")
    agent.stop()
    agent.start()
    wait_until(lambda: answers(first, "app"), what="the other service back")
    assert not _open(second)
    assert wait_until(agent.status, what="the local API").services[1].state == "paused"
    assert agent.cli("resume", "second").returncode == 0
    assert answers(second, "app")
    unknown = agent.cli("pause", "secnod")
    assert unknown.returncode != 0
    assert "second" in unknown.stderr


def _open(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1):
            return True
    except OSError:
        return False
