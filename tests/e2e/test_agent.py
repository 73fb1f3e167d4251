"""The main job: one TOML file, one program, and the gateway's port reaches the application."""

import errno
import os
import shutil
import signal
import socket
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from tests.lab.agent import Agent, service
from tests.lab.editing import edit
from tests.lab.httpapp import HttpApp
from tests.lab.mariadb import MariaDb
from tests.lab.ports import free_port, free_ports
from tests.lab.postgres import Postgres
from tests.lab.sshd import ThrowawaySshd
from tests.lab.waiting import http_get, wait_until


def answers(port: int) -> bool:
    return http_get(port).startswith("hello")


def refuses(port: int) -> bool:
    with socket.socket() as trial:
        return trial.connect_ex(("127.0.0.1", port)) == errno.ECONNREFUSED


def test_a_request_reaches_the_application_through_the_tunnel(
    agent: Agent, remote_port: int, http_app: HttpApp
) -> None:
    agent.start()
    status = agent.wait_ready()
    assert http_get(remote_port) == "hello from app\n"
    assert http_app.requests >= 1
    assert status.summary == "1/1 up"
    assert "lane 1 ready in" in agent.log_text()
    agent.stop()


def test_all_four_lights_tell_the_truth(agent: Agent) -> None:
    began = time.monotonic()
    agent.start()
    agent.wait_ready()

    def lit() -> bool:
        lights = agent.status().services[0].lights
        return lights.application.state == "up" and agent.status().lanes[0].session == "held"

    wait_until(lit, what="application checked and heartbeat back", interval=0.2)
    status = agent.status()
    lights = status.services[0].lights
    assert (lights.ssh.state, lights.listener.state, lights.path.state) == ("up", "up", "unknown")
    assert lights.ssh.at is not None
    assert "200" in lights.application.detail
    lane = status.lanes[0]
    assert lane.round_trip is not None
    assert 0 < lane.round_trip < time.monotonic() - began
    assert lane.pid in agent.ssh_pids()
    assert lane.memory is not None
    assert lane.memory > 1_000_000


def test_connections_and_bytes_of_a_lane_are_told(agent: Agent, remote_port: int) -> None:
    agent.start()
    before = agent.wait_ready().lanes[0]
    assert before.connections == 0
    with (
        socket.create_connection(("127.0.0.1", remote_port)),
        socket.create_connection(("127.0.0.1", remote_port)),
    ):
        wait_until(lambda: agent.status().lanes[0].connections == 2, what="both are counted")
    assert len(http_get(remote_port, "/bytes/3000000")) == 3_000_000
    wait_until(lambda: agent.status().lanes[0].connections == 0, what="neither is any more")
    after = agent.status().lanes[0]
    assert after.bytes_read is not None
    assert before.bytes_read is not None
    assert 3_000_000 < after.bytes_read - before.bytes_read < 4_000_000
    wait_until(lambda: agent.status().lanes[0].cpu_percent is not None, what="its processor time")


def test_a_killed_ssh_comes_back_at_once(agent: Agent, remote_port: int) -> None:
    agent.start()
    agent.wait_ready()
    for _ in range(3):
        (ssh,) = agent.ssh_pids()
        os.kill(ssh, signal.SIGKILL)
        wait_until(lambda pid=ssh: not psutil.pid_exists(pid), what="its end")
        wait_until(lambda: answers(remote_port), what="the tunnel back")
    assert "lane 1 lost" in agent.log_text()


def test_an_ssh_that_somebody_else_stops_politely_comes_back_too(
    agent: Agent, remote_port: int
) -> None:
    agent.start()
    agent.wait_ready()
    os.kill(agent.ssh_pids()[0], signal.SIGTERM)
    wait_until(lambda: agent.status().lanes[0].restarts >= 1, what="a restart")
    wait_until(lambda: answers(remote_port), what="the tunnel back")


def test_a_frozen_ssh_is_replaced(make_agent: Callable[..., Agent], http_app: HttpApp) -> None:
    """A process that is alive and does nothing: the heartbeat is what notices."""
    port = free_port()
    quick = {"server_alive_interval": 1, "server_alive_count_max": 1}
    agent = make_agent([service(http_app.port, port)], ssh=quick)
    agent.start()
    agent.wait_ready()
    wait_until(lambda: agent.status().lanes[0].session == "held", what="a heartbeat")
    os.kill(agent.ssh_pids()[0], signal.SIGSTOP)
    wait_until(lambda: agent.status().lanes[0].restarts >= 1, what="a replacement")
    wait_until(lambda: answers(port), what="the tunnel back")
    assert "no answer to a heartbeat" in agent.log_text()


def test_a_gateway_that_hangs_is_noticed_within_15_seconds(
    agent: Agent, sshd: ThrowawaySshd, remote_port: int
) -> None:
    agent.start()
    agent.wait_ready()
    sshd.freeze()
    # And some seconds that a busy machine may take.
    wait_until(lambda: "lane 1 lost" in agent.log_text(), timeout=20, what="the loss noticed")
    sshd.thaw()
    sshd.kill_sessions()
    wait_until(lambda: answers(remote_port), what="the tunnel back")


def test_a_gateway_that_restarts_gets_its_lane_back(
    agent: Agent, sshd: ThrowawaySshd, remote_port: int
) -> None:
    agent.start()
    agent.wait_ready()
    sshd.stop()
    wait_until(lambda: "connection refused" in agent.log_text().lower(), what="the refusal told")
    sshd.start()
    wait_until(lambda: answers(remote_port), what="the tunnel back")


def test_no_gateway_at_the_start_is_no_reason_to_end(
    agent: Agent, sshd: ThrowawaySshd, remote_port: int
) -> None:
    sshd.stop()
    agent.start()
    wait_until(lambda: "not up" in agent.log_text(), what="the first failure")
    sshd.start()
    wait_until(lambda: answers(remote_port), what="the tunnel")


def test_a_key_that_comes_later_is_used_at_once(
    agent: Agent, sshd: ThrowawaySshd, remote_port: int
) -> None:
    away = sshd.identity_file.with_suffix(".away")
    sshd.identity_file.rename(away)
    agent.start()
    wait_until(lambda: "lane 1 blocked" in agent.log_text(), what="the block told")
    assert str(sshd.identity_file) in agent.log_text()
    away.rename(sshd.identity_file)
    wait_until(lambda: answers(remote_port), what="the tunnel")


def ask_to_reload(agent: Agent) -> None:
    assert agent.cli("reload").returncode == 0


def hang_up(agent: Agent) -> None:
    os.kill(agent.pid, signal.SIGHUP)


@pytest.mark.parametrize("again", [ask_to_reload, hang_up])
def test_a_denied_key_blocks_and_a_request_to_reload_tries_again(
    agent: Agent, sshd: ThrowawaySshd, remote_port: int, again: Callable[[Agent], None]
) -> None:
    """What was mended on the gateway is noticed by nothing here, but for a try every 5 minutes."""
    sshd.revoke()
    agent.start()
    wait_until(lambda: "lane 1 blocked" in agent.log_text(), what="the block told")
    wait_until(agent.status, what="the local API")
    assert agent.cli("status").returncode == 1
    sshd.set_key_options("")
    again(agent)
    wait_until(lambda: answers(remote_port), what="the tunnel")


def test_a_block_ends_by_itself_when_known_hosts_gets_the_host_key(
    make_agent: Callable[..., Agent], sshd: ThrowawaySshd, http_app: HttpApp, short_dir: Path
) -> None:
    port, mine = free_port(), short_dir / "known_hosts"
    mine.write_text("")
    agent = make_agent([service(http_app.port, port)])
    edit(agent.config, lambda tables: tables["gateway"].pop("host_key"))
    edit(agent.config, lambda tables: tables["gateway"].update(known_hosts=str(mine)))
    agent.start()
    wait_until(lambda: "lane 1 blocked" in agent.log_text(), what="the block told")
    mine.write_text(sshd.known_hosts.read_text())
    wait_until(lambda: answers(port), what="the tunnel")


def test_a_block_ends_by_itself_when_the_configuration_gets_the_host_key(
    agent: Agent, sshd: ThrowawaySshd, remote_port: int
) -> None:
    right = sshd.host_key
    other = sshd.new_stranger_key("other").with_suffix(".pub").read_text().split()
    edit(agent.config, lambda tables: tables["gateway"].update(host_key=" ".join(other[:2])))
    agent.start()
    wait_until(lambda: "lane 1 blocked" in agent.log_text(), what="the block told")
    assert "another host key" in agent.log_text()
    edit(agent.config, lambda tables: tables["gateway"].update(host_key=right))
    wait_until(lambda: answers(remote_port), what="the tunnel")


@pytest.mark.parametrize("command", ["/bin/false", "internal-sftp"])
def test_an_account_without_a_shell_is_served_without_a_session_and_remembered(
    agent: Agent, sshd: ThrowawaySshd, remote_port: int, command: str
) -> None:
    """One ends the session with a code, the other without a word."""
    sshd.set_key_options(f'restrict,port-forwarding,command="{command}"')
    agent.start()
    agent.wait_ready()

    def fell_back() -> bool:
        lane = agent.status().lanes[0]
        return (lane.session, lane.state) == ("none", "ready")

    wait_until(fell_back, what="the fallback to -N")
    assert answers(remote_port)
    before = agent.log_text().count("lane 1 ready")
    agent.stop()
    agent.start()
    agent.wait_ready()
    assert answers(remote_port)
    assert agent.log_text().count("lane 1 ready") == before + 1, "it tripped over it again"


def test_a_key_that_may_only_forward_gets_its_lane(
    agent: Agent, sshd: ThrowawaySshd, remote_port: int
) -> None:
    """The line that `init` prints for authorized_keys."""
    only = f'restrict,port-forwarding,permitlisten="127.0.0.1:{remote_port}",command="exec cat"'
    sshd.set_key_options(only)
    agent.start()
    agent.wait_ready()
    assert answers(remote_port)
    wait_until(lambda: agent.status().lanes[0].session == "held", what="a heartbeat")


def test_one_forbidden_port_does_not_take_the_others_down(
    make_agent: Callable[..., Agent], sshd: ThrowawaySshd, http_app: HttpApp
) -> None:
    good, bad = free_ports(2)
    only = f'restrict,port-forwarding,permitlisten="127.0.0.1:{good}",command="exec cat"'
    sshd.set_key_options(only)
    agent = make_agent(
        [service(http_app.port, bad, name="bad"), service(http_app.port, good, name="good")]
    )
    agent.start()
    wait_until(lambda: answers(good), what="the permitted service")
    wait_until(lambda: "lane 2 blocked" in agent.log_text(), what="the forbidden one told")
    assert "service bad moves to lane 2" in agent.log_text()
    [second] = agent.config.parent.rglob("lane2.ssh_config")
    sshd.set_key_options("")
    assert agent.cli("restart").returncode == 0
    wait_until(lambda: answers(bad), what="both on one lane again")
    assert not second.exists()


def test_kill_9_leaves_no_ssh_and_the_next_start_serves_at_once(
    agent: Agent, remote_port: int
) -> None:
    agent.start()
    agent.wait_ready()
    (ssh,) = agent.ssh_pids()
    agent.crash()
    wait_until(lambda: not psutil.pid_exists(ssh), what="the end of its ssh")
    agent.start()
    wait_until(lambda: answers(remote_port), what="the tunnel back")


def test_a_second_agent_on_the_same_state_is_refused_by_the_first_ones_pid(agent: Agent) -> None:
    agent.start()
    agent.wait_ready()
    second = agent.cli("run")
    assert second.returncode == 1
    assert f"pid {agent.pid}" in second.stderr
    assert len(second.stderr.strip().splitlines()) == 2, second.stderr


def test_stopping_takes_less_than_five_seconds_whatever_it_is_doing(
    agent: Agent, sshd: ThrowawaySshd
) -> None:
    sshd.freeze()  # the connection is accepted by the kernel, and nobody speaks
    agent.start()
    wait_until(agent.ssh_pids, what="an ssh that waits")
    agent.stop(within=5)


def test_ctrl_c_ends_it_as_a_service_manager_does(agent: Agent, remote_port: int) -> None:
    agent.start()
    agent.wait_ready()
    agent.stop(by=signal.SIGINT)
    wait_until(lambda: refuses(remote_port), what="the port closed, once sshd has heard of the end")
    assert agent.log_text().endswith("INFO  stopped\n")


def test_the_log_never_shows_a_secret(agent: Agent, sshd: ThrowawaySshd) -> None:
    agent.start()
    agent.wait_ready()
    agent.stop()
    secret = sshd.identity_file.read_text().splitlines()[2]
    assert secret not in agent.log_text() + agent.stderr_text()


def test_ssh_is_found_missing_and_found_again(
    short_dir: Path, make_agent: Callable[..., Agent], http_app: HttpApp
) -> None:
    port = free_port()
    program = short_dir / "bin" / "ssh"
    agent = make_agent([service(http_app.port, port)], ssh={"program": str(program)})
    agent.start()
    wait_until(lambda: "lane 1 blocked" in agent.log_text(), what="the missing ssh told")
    program.parent.mkdir()
    found = shutil.which("ssh")
    assert found is not None
    program.symlink_to(found)
    wait_until(agent.status, what="the local API")
    assert agent.cli("restart").returncode == 0
    wait_until(lambda: answers(port), what="the tunnel")


def test_a_postgresql_query_comes_right_on_retry_when_its_ssh_is_killed(
    make_agent: Callable[..., Agent], postgres: Postgres
) -> None:
    port = free_port()
    agent = make_agent([service(postgres.port, port, kind="postgresql")])
    agent.start()
    agent.wait_ready()
    for number in range(3):
        os.kill(agent.ssh_pids()[0], signal.SIGKILL)
        answer = wait_until(
            lambda n=number: postgres.query(f"select 40 + {n}", port=port), what="the query"
        )
        assert answer.strip() == str(40 + number)


def test_a_mariadb_query_comes_right_on_retry_when_its_ssh_is_killed(
    make_agent: Callable[..., Agent], mariadb: MariaDb
) -> None:
    port = free_port()
    agent = make_agent([service(mariadb.port, port, kind="mysql")])
    agent.start()
    agent.wait_ready()
    for number in range(3):
        os.kill(agent.ssh_pids()[0], signal.SIGKILL)
        answer = wait_until(
            lambda n=number: mariadb.query(f"select 40 + {n}", port=port), what="the query"
        )
        assert answer.strip() == str(40 + number)
