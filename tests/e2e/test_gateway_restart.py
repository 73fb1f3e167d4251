"""`gateway restart`: the program anew in the same process, with the lanes that are up."""

import contextlib
import os
import signal
import socket
import tomllib
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import tomli_w

from ground2cloud.backchannel.tls import AUTHORITY_FILE
from ground2cloud.config.model import Kind
from ground2cloud.errors import Ground2CloudError
from ground2cloud.web.gateway_client import GatewayClient
from tests.lab.gateway import GatewayLab
from tests.lab.httpapp import HttpApp
from tests.lab.waiting import wait_until

# Gateways that are started twice and three times take half a minute on a busy machine.
pytestmark = pytest.mark.timeout(180)

WEB = ("web", Kind.HTTP)
Tables = dict[str, Any]


@pytest.fixture
def gateway(short_dir: Path) -> Iterator[GatewayLab]:
    """A gateway, not yet started."""
    lab = GatewayLab(short_dir)
    yield lab
    lab.kill()


def held_back(pid: int | None) -> bool:
    """Whether a process has one of the signals blocked that stop and reload it."""
    status = Path(f"/proc/{pid}/status").read_text()
    [blocked] = [int(line.split()[1], 16) for line in status.splitlines() if "SigBlk" in line]
    wanted = (signal.SIGHUP, signal.SIGINT, signal.SIGTERM)
    return any(blocked >> (number - 1) & 1 for number in wanted)


def test_a_restart_keeps_the_lanes_and_the_process(gateway: GatewayLab, http_app: HttpApp) -> None:
    gateway.start()
    before = gateway.wait_ready()
    agent = gateway.register(WEB)
    key = gateway.do("element", "add", "caller", "--grant", str(agent.id))
    route = {"Ground2Cloud_Route": f"{agent.id}/web", "Ground2Cloud_Key": key}
    with agent.lane({"web": http_app.port}) as lane:
        wait_until(lambda: gateway.request(**route).status == 200, what="the application")
        for _ in range(2):
            told = gateway.cli("restart")
            assert told.returncode == 0, told.stderr
            assert told.stdout.startswith("restarted in ")
            assert told.stdout.count("\n") == 1, "no lane has ended"
            wait_until(lambda: gateway.request(**route).status == 200, what="the application again")
        assert lane.poll() is None, "the lane outlived the restarts"
        after = gateway.status()
        assert (after.pid, gateway.exit_code) == (before.pid, None)
        assert after.started_at > before.started_at
        for child in after.children:
            # sshd itself blocks them for a moment now and then.
            wait_until(lambda pid=child.pid: not held_back(pid), what=f"{child.name} hears signals")
        view = gateway.agent(agent.id)
        assert (view.state, len(view.lanes)) == ("active", 1)
        assert agent.client.claim("127.0.0.1").holder == "ended"
        lane.wait(timeout=20)
    with agent.lane({"web": http_app.port}):
        wait_until(lambda: gateway.request(**route).status == 200, what="the next lane")
    gateway.stop()


@pytest.mark.parametrize(
    ("edit", "why"),
    [
        (lambda tables: tables["ssh"].update(port=70_000), "ssh.port"),
        (lambda tables: tables["paths"].update(run=tables["paths"]["run"] + "2"), "directories"),
        (lambda tables: tables["gateway"].update(user="bin"), "account"),
        (lambda tables: tables["ssh"].update(program="/nonexistent"), "no program '/nonexistent'"),
        (lambda tables: tables["router"].update(program="/nonexistent"), "no program"),
        (lambda tables: tables["router"].update(certificate="gateway.log"), "gateway.log"),
        (lambda tables: tables["router"].update(certificate="none.pem"), "none.pem"),
        (lambda tables: tables.update(registry={"url": "sqlite:////dev/null/none"}), "/dev/null"),
    ],
)
def test_a_restart_that_could_not_be_is_refused(
    gateway: GatewayLab, edit: Callable[[Tables], None], why: str
) -> None:
    is_refused(gateway, edit, why)


def test_a_restart_to_a_port_that_is_taken_is_refused(gateway: GatewayLab) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        is_refused(gateway, lambda tables: tables["ssh"].update(port=port), "taken by another")


def test_a_restart_keeps_what_was_changed_meanwhile(gateway: GatewayLab) -> None:
    gateway.start()
    gateway.wait_ready()
    other = gateway.directory / "other.log"
    text = gateway.config.read_text("utf-8")
    gateway.config.write_text(text.replace("gateway.log", other.name), "utf-8")
    wait_until(lambda: gateway.status().log == str(other), what="the other log")
    told = gateway.cli("restart")
    assert told.returncode == 0, told.stderr
    assert gateway.status().log == str(other)
    gateway.stop()


def is_refused(gateway: GatewayLab, edit: Callable[[Tables], None], why: str) -> None:
    """Edit the file of a gateway and have it begin anew: it must not, and go on as it was."""
    gateway.start()
    before = gateway.wait_ready()
    tables = tomllib.loads(gateway.config.read_text("utf-8"))
    edit(tables)
    client = GatewayClient.from_run_dir(gateway.directory / "run")
    gateway.config.write_text(tomli_w.dumps(tables), "utf-8")
    answer = client.restart()
    assert not answer.ok
    assert why in " ".join((answer.message, *answer.problems))
    assert gateway.exit_code is None
    assert client.gateway().started_at == before.started_at


def test_a_stop_in_the_middle_of_a_restart_is_a_stop(
    gateway: GatewayLab, http_app: HttpApp
) -> None:
    gateway.start()
    gateway.wait_ready()
    agent = gateway.register(WEB)
    with agent.lane({"web": http_app.port}) as lane:
        wait_until(lambda: gateway.agent(agent.id).state == "active", what="active")
        # With a lane, sshd's last words are waited for: it takes a second to begin anew.
        assert GatewayClient.from_run_dir(gateway.directory / "run").restart().ok
        gateway.stop()
        lane.wait(timeout=20)
    assert gateway.exit_code == 0


SLOW = """#!/bin/sh
case " $* " in *" -c "*)
    while [ -e {here}/slow ]; do touch {here}/asked; sleep 0.02; done
esac
exec /usr/sbin/haproxy "$@"
"""


def test_a_stop_while_a_restart_is_examined_is_a_stop(short_dir: Path) -> None:
    program = short_dir / "haproxy"
    program.write_text(SLOW.format(here=short_dir))
    program.chmod(0o755)
    with (
        GatewayLab(short_dir, router={"program": str(program)}) as gateway,
        ThreadPoolExecutor(1) as pool,
    ):
        (short_dir / "slow").touch()
        answer = pool.submit(GatewayClient.from_run_dir(short_dir / "run").restart)
        wait_until((short_dir / "asked").exists, what="the question")
        os.kill(gateway.pid, signal.SIGTERM)
        wait_until(lambda: "stopping" in gateway.log_text(), what="the stop heard")
        (short_dir / "slow").unlink()
        wait_until(lambda: gateway.exit_code == 0, what="its end")
        with contextlib.suppress(Ground2CloudError):  # unless the answer was cut off
            assert "stopping" in answer.result().message
        assert "restarting" not in gateway.log_text()


WAITING = """
import os, time
here = os.environ["WAITS_HERE"]
if not os.path.exists(here + "/go"):
    open(here + "/waits", "w").close()
    while not os.path.exists(here + "/go"):
        time.sleep(0.02)
"""
"""Run by Python before the program: it waits until it is let go."""


class Waiting(GatewayLab):
    """Begins each of its runs only when the file `go` is in its directory."""

    def _environment(self) -> dict[str, str]:
        (self.directory / "sitecustomize.py").write_text(WAITING)
        here = str(self.directory)
        return {**super()._environment(), "PYTHONPATH": here, "WAITS_HERE": here}


def test_a_stop_before_the_next_run_hears_of_signals_is_a_stop(
    short_dir: Path, http_app: HttpApp
) -> None:
    go = short_dir / "go"
    go.touch()
    with Waiting(short_dir) as gateway:
        agent = gateway.register(WEB)
        with agent.lane({"web": http_app.port}) as lane:
            wait_until(lambda: gateway.agent(agent.id).state == "active", what="active")
            go.unlink()
            assert GatewayClient.from_run_dir(short_dir / "run").restart().ok
            wait_until((short_dir / "waits").exists, what="the next run begins")
            os.kill(gateway.pid, signal.SIGTERM)
            go.touch()
            lane.wait(timeout=20)
        wait_until(lambda: gateway.exit_code == 0, what="its end")


def test_a_restart_that_fails_is_told_and_a_start_finds_the_lanes(
    gateway: GatewayLab, http_app: HttpApp
) -> None:
    gateway.start()
    gateway.wait_ready()
    agent = gateway.register(WEB)
    authority = gateway.directory / "state" / AUTHORITY_FILE
    good = authority.read_bytes()
    with agent.lane({"web": http_app.port}) as lane:
        wait_until(lambda: gateway.agent(agent.id).state == "active", what="active")
        authority.write_bytes(b"damaged")
        told = gateway.cli("restart")
        assert told.returncode == 1
        assert "has ended and is not back" in told.stderr
        assert "is damaged" in gateway.stderr_text()
        authority.write_bytes(good)
        gateway.start()
        gateway.wait_ready()
        assert lane.poll() is None
        assert gateway.agent(agent.id).state == "active"
    gateway.stop()
