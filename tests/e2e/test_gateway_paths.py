"""The proof of the path: what the gateway sends down a lane comes back; no application hears."""

import socket
import socketserver
import subprocess
import threading
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager

import psutil
import pytest
import tomli_w

from ground2cloud.backchannel.errors import RefusedError, Slug
from ground2cloud.backchannel.messages import ProbePlace
from ground2cloud.config.model import Kind
from ground2cloud.roles.report import NO_PATH
from ground2cloud.web.messages import Light
from tests.lab.agent import write_config
from tests.lab.gateway import GatewayLab, LabAgent
from tests.lab.httpapp import HttpApp
from tests.lab.joined import Application, Joined, joined
from tests.lab.ports import free_port
from tests.lab.sshd import ThrowawaySshd
from tests.lab.waiting import http_get, wait_until

WEB = ("web", Kind.HTTP)
SLOT = "127.0.0.1"
NONCE = "n" * 32


@pytest.fixture(scope="module")
def pair() -> Iterator[Joined]:
    """A gateway and an agent whose application is not there; an ssh that hangs is noticed late."""
    here, there = {"server_alive_interval": 60}, {"ssh": {"alive_interval": 60}}
    application = Application(Kind.HTTP, free_port())
    with joined({"web": application}, public=there, ssh=here) as running:
        yield running


def seen(pair: Joined) -> tuple[Light, Light]:
    """The light of the path as the agent and as the gateway show it."""
    [here], [there] = pair.agent.status().services, pair.gateway.agent(pair.id).services
    return here.lights.path, there.lights.path


def wait_for(pair: Joined, state: str) -> tuple[Light, Light]:
    wait_until(
        lambda: {light.state for light in seen(pair)} == {state},
        timeout=30,
        what=f"the path {state} on both sides",
    )
    return seen(pair)


def test_a_path_is_proved_without_its_application(pair: Joined) -> None:
    here, there = wait_for(pair, "up")
    assert here.at
    assert there.at
    wait_until(
        lambda: pair.gateway.agent(pair.id).services[0].lights.application.state == "down",
        timeout=30,
        what="the application is known to be gone",
    )
    assert wait_for(pair, "up")
    shown = pair.agent.cli("status").stdout
    assert "nothing is sent down the whole path" not in shown


def test_a_path_that_is_dead_is_told_while_ssh_still_counts_as_up(pair: Joined) -> None:
    wait_for(pair, "up")
    [pid] = pair.agent.ssh_pids()
    ssh = psutil.Process(pid)
    ssh.suspend()
    try:
        # What makes the agent speak with its gateway; it does so by itself every 30 s.
        assert pair.agent.cli("reload").returncode == 0
        here, there = wait_for(pair, "down")
        assert "nothing came back within" in here.detail
        assert "nothing came back within" in there.detail
        assert pair.gateway.agent(pair.id).state == "degraded"
        [service] = pair.agent.status().services
        assert service.lights.ssh.state == "up", "by itself it would be known minutes later"
        shown = pair.agent.cli("status").stdout
        assert "path: nothing came back within 4 s" in shown
    finally:
        ssh.resume()
    wait_for(pair, "up")
    assert pair.agent.ssh_pids() == [pid], "the same lane"
    log = pair.agent.log_text()
    assert log.count("nothing comes through the lane on 127.0.0.1") == 1
    assert log.count("the lane on 127.0.0.1 carries again") == 1


def test_a_new_lane_is_proved_anew(pair: Joined) -> None:
    before, _ = wait_for(pair, "up")
    pair.cut()
    wait_until(
        lambda: seen(pair)[0].state == "up" and (seen(pair)[0].at or "") > (before.at or ""),
        timeout=30,
        what="proved anew",
    )


@pytest.mark.timeout(150)
def test_a_lane_that_came_while_the_backchannel_hung_is_proved_later(pair: Joined) -> None:
    """It had no answer to its claim, and is at the place of the one before."""
    wait_for(pair, "up")
    before = pair.agent.ssh_pids()
    program = psutil.Process(pair.gateway.pid)
    program.suspend()
    try:
        pair.cut()
        wait_until(
            lambda: (pids := pair.agent.ssh_pids()) and pids != before,
            timeout=40,
            what="another ssh",
        )
        pair.agent.wait_ready()
        assert pair.agent.status().services[0].lights.path.state == "unknown"
    finally:
        program.resume()
    assert "dialling without a claim" in pair.agent.log_text()
    wait_until(
        lambda: pair.agent.status().services[0].lights.path.state == "up",
        timeout=40,
        what="proved",
    )


def test_who_moves_to_a_plain_sshd_takes_no_probe_along(
    http_app: HttpApp, sshd: ThrowawaySshd
) -> None:
    with joined({"web": Application(Kind.HTTP, http_app.port)}) as pair:
        wait_for(pair, "up")
        assert probed(pair)
        port = free_port()
        tables = tomllib.loads(pair.agent.config.read_text())
        [web] = tables["service"]
        plain = write_config(
            pair.agent.config.parent,
            sshd,
            [{**web, "remote_port": port, "remote_bind": "127.0.0.1"}],
        )
        assert plain == pair.agent.config
        wait_until(
            lambda: http_get(port) == f"hello from {http_app.name}\n",
            timeout=30,
            what="reached over the plain sshd",
        )
        words = (pair.agent.config.parent / "run" / "lane1.ssh_config").read_text()
        assert "127.128." not in words
        light = pair.agent.status().services[0].lights.path
        assert (light.state, light.detail) == ("unknown", NO_PATH.detail)


def test_a_path_outlives_the_service_whose_port_it_has(http_app: HttpApp) -> None:
    first, second = (Application(Kind.HTTP, http_app.port) for _ in range(2))
    with joined({"first": first, "second": second}) as pair:
        wait_until(
            lambda: all(
                each.lights.path.state == "up" for each in pair.gateway.agent(pair.id).services
            ),
            timeout=30,
            what="both proved",
        )
        [pid] = pair.agent.ssh_pids()
        tables = tomllib.loads(pair.agent.config.read_text())
        tables["service"] = [each for each in tables["service"] if each["name"] == "second"]
        pair.agent.config.write_text(tomli_w.dumps(tables))
        wait_until(
            lambda: [each.name for each in pair.gateway.agent(pair.id).services] == ["second"],
            what="the first is gone",
        )
        before = seen(pair)[1].at or ""
        pair.agent.cli("reload")
        wait_until(
            lambda: (seen(pair)[1].at or "") > before and seen(pair)[1].state == "up",
            timeout=40,
            what="proved again",
        )
        assert pair.agent.ssh_pids() == [pid], "the same lane"


def test_a_lane_goes_on_without_probes_where_their_place_is_taken(http_app: HttpApp) -> None:
    with joined({"web": Application(Kind.HTTP, http_app.port)}) as pair:
        wait_for(pair, "up")
        place = probed(pair)
        pair.agent.stop()
        with socket.create_server((place.address, place.port)):
            pair.agent.start()
            pair.agent.wait_ready()
            wait_until(
                lambda: "goes on without probes" in pair.agent.log_text(),
                what="the lane has given them up",
            )
            wait_until(
                lambda: pair.ask("web", pair.key_to_all).status == 200, timeout=20, what="reached"
            )
            assert [light.state for light in seen(pair)] == ["unknown", "unknown"]


def probed(pair: Joined) -> ProbePlace:
    """Where the lane of a pair listens for probes: the one place that is no slot's."""
    words = (pair.agent.config.parent / "run" / "lane1.ssh_config").read_text()
    [line] = [line for line in words.splitlines() if "RemoteForward 127.128." in line]
    address, _, port = line.split()[1].rpartition(":")
    return ProbePlace(address=address, port=int(port))


# What somebody hostile tries.


@pytest.fixture
def agent(gateway: GatewayLab) -> LabAgent:
    """One of many registered agents."""
    return gateway.register(WEB)


def place_of(agent: LabAgent) -> ProbePlace:
    """Where its lane may listen for probes, as the gateway says."""
    place = agent.client.claim(SLOT).probe
    assert place is not None
    return place


class _Parrot(socketserver.StreamRequestHandler):
    """Says what is not asked for."""

    def handle(self) -> None:
        self.rfile.readline()
        self.wfile.write(b"x" * len(NONCE))


@contextmanager
def answering(agent: LabAgent, place: ProbePlace) -> Iterator[None]:
    """Hold a lane whose place for probes leads to somebody who does not give back what is sent."""
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), _Parrot) as server:
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        target = f"{place.address}:{place.port}:127.0.0.1:{server.server_address[1]}"
        web = f"{SLOT}:{agent.ports['web']}:127.0.0.1:{server.server_address[1]}"
        lane = subprocess.Popen(agent.ssh_argv(target, web), stdin=subprocess.PIPE)
        try:
            yield
        finally:
            lane.kill()
            lane.wait()
            assert lane.stdin is not None
            lane.stdin.close()
            server.shutdown()


def test_a_probe_of_no_lane_fails(agent: LabAgent) -> None:
    assert agent.client.probe(SLOT, NONCE).result == "not-supported", "none was asked for"
    assert place_of(agent)
    answer = agent.client.probe(SLOT, NONCE)
    assert (answer.result, answer.detail) == ("failed", "no lane listens for probes")


def test_what_was_not_sent_is_no_proof(gateway: GatewayLab, agent: LabAgent) -> None:
    with answering(agent, place_of(agent)):
        answer = wait_until(
            lambda: (
                said if "listens" not in (said := agent.client.probe(SLOT, NONCE)).detail else None
            ),
            what="the lane listens",
        )
        light = gateway.agent(agent.id).services[0].lights.path
    assert (answer.result, answer.detail) == ("failed", "something else came back than was sent")
    assert (light.state, light.detail) == ("down", answer.detail)


def test_the_slot_of_a_probe_is_ones_own(agent: LabAgent) -> None:
    with pytest.raises(RefusedError) as refused:
        agent.client.probe("127.0.0.9", NONCE)
    assert refused.value.slug == Slug.SLOT_UNKNOWN


def test_nobody_listens_where_anothers_probes_go(gateway: GatewayLab, agent: LabAgent) -> None:
    theirs = place_of(gateway.register(WEB))
    mine = place_of(agent)
    for address, port in (
        (theirs.address, theirs.port),
        (theirs.address, mine.port),
        (mine.address, theirs.port),
    ):
        tried = subprocess.run(
            [*agent.ssh_argv(f"{address}:{port}:127.0.0.1:1"), "-o", "ExitOnForwardFailure=yes"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )
        assert tried.returncode == 255
        assert "remote port forwarding failed" in tried.stderr
