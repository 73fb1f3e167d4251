"""An edit of gateway.toml while the gateway runs: what changed is in force, the rest goes on."""

import contextlib
import os
import signal
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from ground2cloud.backchannel.errors import UntrustedError
from tests.lab.calling import WEB, Caller, calling, change, do, register
from tests.lab.gateway import GatewayLab, LabAgent
from tests.lab.httpapp import HttpApp
from tests.lab.ports import free_port
from tests.lab.waiting import wait_until


@pytest.fixture
def gateway(gateway: GatewayLab) -> Iterator[GatewayLab]:
    """That of all tests; what a test changes in its configuration is as it was after the test."""
    good, port = gateway.config.read_text(), gateway.http_port
    yield gateway
    gateway.http_port = port
    gateway.config.write_text(good)
    assert do(gateway, "reload")[0] == 0


def pids(gateway: GatewayLab) -> dict[str, int | None]:
    return {child.name: child.pid for child in gateway.status().children}


def listens(port: int) -> bool:
    with socket.socket() as trial:
        return trial.connect_ex(("127.0.0.1", port)) == 0


def test_limits_and_the_log_level_change_without_touching_a_lane_or_a_connection(
    gateway: GatewayLab, http_app: HttpApp
) -> None:
    with calling(gateway, http_app) as (caller, _):
        before, length = pids(gateway), len(gateway.log_text())
        change(
            gateway,
            log={"level": "info"},
            router={
                "max_connections": 4321,
                "max_connections_per_source": 123,
                "access_log": "127.0.0.1:9",
                "application_timeout": 61,
            },
            ssh={"alive_interval": 7},
        )
        wait_until(
            lambda: "configuration applied: " in gateway.log_text()[length:],
            what="the edit applied",
        )
        assert pids(gateway) == before
        run = gateway.directory / "run"
        router = (run / "router" / "haproxy.cfg").read_text()
        assert "maxconn 4321\n" in router
        assert "acl crowded sc0_conn_cur gt 123\n" in router
        assert "log 127.0.0.1:9 local0 info\n" in router
        assert "ClientAliveInterval 7" in (run / "sshd_config").read_text()
        assert caller.is_answered()
        assert all(child.restarts == 0 for child in gateway.status().children)
        length = len(gateway.log_text())
        change(gateway, router={"max_connections": 4322})
        wait_until(lambda: "router.max_connections" in gateway.log_text()[length:], what="again")
        assert " DEBUG " not in gateway.log_text()[length:].upper()


def test_broken_edits_change_nothing_and_are_told(gateway: GatewayLab, http_app: HttpApp) -> None:
    good = gateway.config.read_text()
    with calling(gateway, http_app) as (caller, _):
        before, length = pids(gateway), len(gateway.log_text())
        for words, broken in (
            ("nonsense", good + "\n[nonsense]\n"),
            ("connect_timeout", good.replace("[router]\n", "[router]\nconnect_timeout = 'x'\n")),
            ("no.pem", good.replace("[router]\n", '[router]\ncertificate = "no.pem"\n')),
            ("this is not TOML", good.replace("[log]\n", "[log\n")),
        ):
            gateway.config.write_text(broken)
            wait_until(lambda w=words: w in " ".join(gateway.status().problems), what=words)
            code, told = do(gateway, "reload")
            assert code == 78
            assert words in told
            assert words in do(gateway, "status")[1]
            assert caller.is_answered()
            assert pids(gateway) == before
        assert gateway.log_text()[length:].count("the running configuration stays") == 4
        gateway.config.write_text(good)
        wait_until(lambda: gateway.status().problems == (), what="good again")
        assert do(gateway, "reload") == (0, "nothing changed")


def test_the_router_moves_to_another_port(gateway: GatewayLab, http_app: HttpApp) -> None:
    old, new = gateway.http_port, free_port()
    with calling(gateway, http_app) as (caller, _):
        change(gateway, router={"port": new})
        gateway.http_port = new
        wait_until(caller.is_answered, what="the new port")
        wait_until(lambda: not listens(old), what="the old port closed")
        wait_until(lambda: gateway.status().addresses["router"].endswith(f":{new}"), what="told")


def test_sshd_and_the_backchannel_move_and_agents_are_told(
    gateway: GatewayLab, http_app: HttpApp
) -> None:
    ssh, line = free_port(), free_port()
    with calling(gateway, http_app) as (_, lane):
        change(gateway, ssh={"port": ssh}, backchannel={"port": line})
        assert do(gateway, "reload")[0] == 0
        assert lane.poll() is None
        assert listens(ssh)
        assert listens(line)
        assert not listens(gateway.ssh_port)
        assert not listens(gateway.backchannel_port)
        late = register(gateway)
        assert late.registered.endpoints[0].port == ssh
        with late.lane({"web": http_app.port}):
            Caller(gateway, late).close()


def test_a_port_that_is_taken_is_refused_and_everything_stays(
    gateway: GatewayLab, http_app: HttpApp
) -> None:
    with calling(gateway, http_app) as (caller, _), socket.create_server(("127.0.0.1", 0)) as other:
        taken = other.getsockname()[1]
        for table in ("ssh", "router", "backchannel"):
            good = gateway.config.read_text()
            change(gateway, **{table: {"port": taken}}, log={"level": "warning"})
            code, told = do(gateway, "reload")
            assert code == 78
            assert f"{table}.port: 127.0.0.1:{taken} is taken" in told
            gateway.config.write_text(good)
        assert do(gateway, "reload") == (0, "nothing changed")
        assert caller.is_answered()


def test_what_sshd_itself_refuses_is_taken_back_from_the_router_too(
    gateway: GatewayLab, http_app: HttpApp
) -> None:
    """It comes after the router, which has taken up its part of the edit by then."""
    run, state = gateway.directory / "run", gateway.directory / "state"
    files = run / "router" / "haproxy.cfg", run / "sshd_config"
    key = state / "ssh" / "host_key"
    with calling(gateway, http_app) as (caller, _):
        before, was = pids(gateway), [file.read_text() for file in files]
        key.chmod(0o644)  # such as a backup that was put back
        try:
            change(gateway, router={"max_connections": 4444}, ssh={"alive_interval": 9})
            code, told = do(gateway, "reload")
            assert code == 78
            assert "[ssh]: sshd can't use its host key" in told
            # The gateway may be trying the edit a second time: it has seen it by itself as well.
            wait_until(lambda: [file.read_text() for file in files] == was, what="taken back")
            assert "can't use its host key" in " ".join(gateway.status().problems)
            words = "[ssh]: sshd can't use its host key"
            assert gateway.log_text().count(words) == 1, "what was before is in force"
            assert caller.is_answered()
        finally:
            key.chmod(0o600)
        assert do(gateway, "reload")[0] == 0
        router, sshd = (file.read_text() for file in files)
        assert "maxconn 4444" in router
        assert "ClientAliveInterval 9" in sshd
        wait_until(lambda: gateway.status().problems == (), what="good again")
        assert pids(gateway) == before
        assert caller.is_answered()


def test_what_takes_a_restart_is_said_in_one_line(gateway: GatewayLab) -> None:
    _, join = do(gateway, "invite")
    elsewhere = gateway.directory / "elsewhere"
    change(gateway, registry={"url": f"sqlite:///{elsewhere}"}, paths={"state": str(elsewhere)})
    assert do(gateway, "reload")[0] == 0
    waiting = gateway.status().problems
    assert [line.partition(" ")[0] for line in waiting] == ["registry.url", "paths.state"]
    assert all("when the gateway is started again" in line for line in waiting)
    for line in waiting:
        assert gateway.log_text().count(line) == 1
    assert gateway.register(WEB, join=join).id > 1000, "it goes on with the registry that it has"
    assert not elsewhere.exists()


def test_another_name_is_in_the_certificates_at_once(gateway: GatewayLab) -> None:
    agent = register(gateway)
    change(gateway, gateway={"host": "localhost", "names": ["127.0.0.1"]})
    assert do(gateway, "reload")[0] == 0
    assert agent.client.claim("127.0.0.1").holder == "none", "the old name is good as well"
    again = register(gateway)
    assert (again.join.host, again.registered.endpoints[0].host) == ("localhost", "localhost")
    assert again.client.claim("127.0.0.1").holder == "none"


def test_an_edit_that_sshd_refuses_leaves_the_names_by_which_agents_know_the_gateway(
    gateway: GatewayLab,
) -> None:
    agent, file = register(gateway), gateway.directory / "run" / "sshd_config"
    good = file.read_text()
    file.unlink()
    (file / "in the way").mkdir(parents=True)
    try:
        change(gateway, gateway={"host": "other.example.com"}, ssh={"alive_interval": 9})
        code, told = do(gateway, "reload")
        assert code == 78
        assert "[ssh]: " in told
    finally:
        (file / "in the way").rmdir()
        file.rmdir()
        file.write_text(good)
    # It may be trying the edit a second time: it has seen it by itself as well.
    wait_until(lambda: answered(agent), what="the name by which the agent knows it")


def answered(agent: LabAgent) -> bool:
    with contextlib.suppress(UntrustedError):
        return agent.client.claim("127.0.0.1").holder == "none"
    return False


def test_the_audit_log_begins_anew_where_the_file_says(gateway: GatewayLab) -> None:
    state = gateway.directory / "state"
    while (state / "audit.log").stat().st_size < 10_000:
        with (state / "audit.log").open("a") as file:
            file.write('{"act":"filler"}\n')
    change(gateway, audit={"max_size": 10_000})
    assert do(gateway, "reload")[0] == 0
    before = gateway.audit()
    register(gateway)
    [full] = state.glob("audit.log.*Z")
    assert full.read_text().startswith(before)
    assert '"act":"registered"' in gateway.audit()


def test_a_hangup_reloads_a_file_that_nobody_has_touched_since(gateway: GatewayLab) -> None:
    port = free_port()
    with socket.create_server(("127.0.0.1", port)):
        change(gateway, router={"port": port})
        wait_until(lambda: "is taken" in " ".join(gateway.status().problems), what="the refusal")
    os.kill(gateway.pid, signal.SIGHUP)
    wait_until(lambda: gateway.status().addresses["router"].endswith(f":{port}"), what="the reload")


def test_no_gateway_no_reload(short_dir: Path) -> None:
    told = GatewayLab(short_dir).cli("reload")
    assert told.returncode == 1
    assert "not running" in told.stderr


def test_what_can_not_be_had_of_an_edit_is_told_where_it_is_asked_for(gateway: GatewayLab) -> None:
    before = gateway.status()
    with socket.create_server(("127.0.0.1", 0)) as other:
        change(gateway, metrics={"listen": f"127.0.0.1:{other.getsockname()[1]}"})
        code, said = do(gateway, "reload")
        assert code == 78
        assert "metrics.listen" in said
        assert "is taken" in said
    assert gateway.status().addresses["metrics"] == before.addresses["metrics"]
    [problem] = gateway.status().problems
    assert "what ran before goes on" in problem
    change(gateway, metrics={"listen": "127.0.0.1:0"}, log={"file": "/proc/no/gateway.log"})
    assert do(gateway, "reload")[0] == 0
    [problem] = gateway.status().problems
    assert problem.startswith("/proc/no/gateway.log can't be opened")
