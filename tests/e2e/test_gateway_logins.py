"""A login that is under way when sshd or the gateway goes leaves no lane that nobody can end."""

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from subprocess import Popen

import msgspec
import psutil
import pytest

from ground2cloud.backchannel.messages import Endpoint
from ground2cloud.config.model import Kind
from tests.lab.gateway import GatewayLab, LabAgent
from tests.lab.httpapp import HttpApp
from tests.lab.relay import Relay
from tests.lab.waiting import wait_until

WEB = ("web", Kind.HTTP)


class Gate(Relay):
    """Keeps back what a client says until it is opened."""

    def __init__(self, target: int) -> None:
        super().__init__(target, source="127.0.0.1")
        self.opened = threading.Event()

    def passes(self, said: bytes) -> bool:
        return super().passes(said) and self.opened.wait(60)


@pytest.fixture
def gateway(short_dir: Path) -> Iterator[GatewayLab]:
    with GatewayLab(short_dir) as running:
        yield running


def listener(gateway: GatewayLab) -> int:
    """The process of its sshd; an OSError while there is none."""
    [pid] = [child.pid for child in gateway.status().children if child.name == "sshd"]
    if pid is None:
        raise ConnectionError("sshd is not there")
    return pid


@contextmanager
def at_the_door(
    gateway: GatewayLab, agent: LabAgent, target: int
) -> Iterator[tuple[Popen[bytes], Gate]]:
    """Start a lane that sshd has taken up and that says nothing yet."""
    before = agent.registered
    sshd = psutil.Process(listener(gateway))
    others = set(sshd.children())
    with Gate(gateway.ssh_port) as gate:
        endpoint = Endpoint(host="127.0.0.1", port=gate.port)
        agent.registered = msgspec.structs.replace(before, endpoints=(endpoint,))
        with agent.lane({"web": target}) as lane:
            try:
                wait_until(lambda: set(sshd.children()) - others, what="sshd takes it up")
                yield lane, gate
            finally:
                gate.opened.set()
                agent.registered = before


def crash(gateway: GatewayLab) -> None:
    gateway.crash()
    gateway.start()
    gateway.wait_ready()


def restart(gateway: GatewayLab) -> None:
    told = gateway.cli("restart")
    assert told.returncode == 0, told.stderr


def kill_sshd(gateway: GatewayLab) -> None:
    before = listener(gateway)
    os.kill(before, signal.SIGKILL)
    wait_until(lambda: listener(gateway) != before, what="another sshd")
    gateway.wait_ready()


@pytest.mark.parametrize("go", [crash, restart, kill_sshd])
def test_it_becomes_no_lane(
    gateway: GatewayLab, http_app: HttpApp, go: Callable[[GatewayLab], None]
) -> None:
    agent, other = gateway.register(WEB), gateway.register(WEB)
    with other.lane({"web": http_app.port}) as kept:
        wait_until(lambda: gateway.agent(other.id).lanes, what="a lane that is up")
        with at_the_door(gateway, agent, http_app.port) as (lane, gate):
            go(gateway)
            gate.opened.set()
            assert lane.wait(timeout=25) == 255
        assert agent.client.claim("127.0.0.1").holder == "none"
        with agent.lane({"web": http_app.port}):
            wait_until(lambda: gateway.agent(agent.id).state == "active", what="the next lane")
        assert kept.poll() is None, "who was logged in stays"
    gateway.stop()


def test_a_stop_ends_it_too(gateway: GatewayLab, http_app: HttpApp) -> None:
    with at_the_door(gateway, gateway.register(WEB), http_app.port) as (lane, gate):
        gateway.stop()  # fails if a process is left
        gate.opened.set()
        assert lane.wait(timeout=25) == 255


def test_a_record_that_can_not_be_written_is_told_and_written_later(
    gateway: GatewayLab, http_app: HttpApp
) -> None:
    record = gateway.directory / "run" / "sessions.jsonl"
    record.unlink()
    record.mkdir()
    agent = gateway.register(WEB)
    with agent.lane({"web": http_app.port}) as lane:
        told = wait_until(lambda: gateway.status().problems, what="the problem")
        assert [each for each in told if str(record) in each] == list(told)
        record.rmdir()
        wait_until(lambda: not gateway.status().problems, what="the record is written")
        assert gateway.log_text().count("record of lanes") == 2, "when it began and when it ended"
        crash(gateway)
        gateway.do("revoke", str(agent.id))
        lane.wait(timeout=10)
