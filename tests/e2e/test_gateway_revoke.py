"""Revoked is revoked within a second, whatever else of the gateway hangs or is away."""

import contextlib
import json
import socket
import subprocess
import time
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import psutil

from ground2cloud.config.model import Kind
from tests.lab.gateway import DOMAIN, GatewayLab, LabAgent
from tests.lab.httpapp import HttpApp
from tests.lab.listener import read_request, standing
from tests.lab.ports import free_port
from tests.lab.processes import descendants
from tests.lab.router import head, read_head
from tests.lab.waiting import wait_until

WEB = ("web", Kind.HTTP)


def until(gateway: GatewayLab, agent: LabAgent, key: str, status: int) -> None:
    """Wait until a request is answered with this status."""

    def look() -> bool:
        route = f"{agent.id}/web"
        answer = gateway.request(Ground2Cloud_Route=route, Ground2Cloud_Key=key)
        return answer.status == status

    wait_until(look, what=f"status {status}")


def acts(gateway: GatewayLab, agent: LabAgent) -> dict[str, dict[str, Any]]:
    """The audit log's last record of each act on a registration."""
    records = [json.loads(line) for line in gateway.audit().splitlines()]
    return {each["act"]: each for each in records if each.get("registration") == agent.id}


def is_told_that_it_waits(gateway: GatewayLab, told: subprocess.CompletedProcess[str]) -> None:
    """Unless the command took so long that another router was there to take it."""
    if "gave no answer" not in gateway.log_text():
        assert told.returncode == 1
        assert "not in force yet" in told.stderr


def test_a_router_that_hangs_keeps_no_lane_alive(gateway: GatewayLab, http_app: HttpApp) -> None:
    agent = gateway.register(WEB)
    key = gateway.do("element", "add", "caller", "--grant", str(agent.id))
    with agent.lane({"web": http_app.port}) as lane:
        until(gateway, agent, key, 200)
        with _hung(gateway):
            told = gateway.cli("revoke", str(agent.id))
            lane.wait(timeout=10)
    is_told_that_it_waits(gateway, told)
    found = acts(gateway, agent)
    ended, revoked = (
        datetime.fromisoformat(found[act]["at"]) for act in ("lanes-ended", "revoked")
    )
    assert (ended - revoked).total_seconds() < 4, "the router that hangs is waited for for 5 s"
    until(gateway, agent, key, 404)


def test_a_key_that_the_router_can_not_take_yet_is_shown_all_the_same(
    gateway: GatewayLab, http_app: HttpApp
) -> None:
    """It exists, and would never be shown again."""
    agent = gateway.register(WEB)
    with agent.lane({"web": http_app.port}):
        with _hung(gateway):
            told = gateway.cli("element", "add", "early", "--grant", str(agent.id))
        is_told_that_it_waits(gateway, told)
        until(gateway, agent, told.stdout.strip(), 200)


def test_a_command_that_finds_no_gateway_is_heard_all_the_same(
    gateway: GatewayLab, http_app: HttpApp
) -> None:
    agent = gateway.register(WEB)
    control = gateway.directory / "run" / "control.json"
    kept = control.read_bytes()
    with agent.lane({"web": http_app.port}) as lane:
        wait_until(lambda: gateway.agent(agent.id).lanes, what="its lane")
        # Not removed: the gateway looks now and then whether the file is there.
        control.write_text(json.dumps({**json.loads(kept), "address": f"127.0.0.1:{free_port()}"}))
        try:
            told = gateway.cli("revoke", str(agent.id))
            lane.wait(timeout=10)
        finally:
            control.write_bytes(kept)
    assert "does not run" in told.stderr


def test_the_command_answers_when_the_lanes_have_ended(
    gateway: GatewayLab, http_app: HttpApp
) -> None:
    """Also where the gateway saw the change by itself, between the command's two steps."""
    agent = gateway.register(WEB)
    with (
        agent.lane({"web": http_app.port}) as one,
        agent.lane({"web": http_app.port}, slot="127.0.0.2") as other,
    ):
        wait_until(lambda: len(gateway.agent(agent.id).lanes) == 2, what="its lanes")
        gateway.do("revoke", str(agent.id))
        assert gateway.agent(agent.id).lanes == ()
        for lane in (one, other):
            lane.wait(timeout=10)


def test_an_answer_that_lasts_ends_with_its_element(gateway: GatewayLab) -> None:
    """A stream of events, or a download of gigabytes: no new request would ever be refused."""

    def events(connection: socket.socket) -> None:
        read_request(connection)
        connection.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        while True:
            connection.sendall(b"1\r\nx\r\n")
            time.sleep(0.05)

    agent = gateway.register(WEB)
    key = gateway.do("element", "add", "listening", "--grant", str(agent.id))
    request = head("GET", "/", f"{agent.id}.{DOMAIN}", f"Ground2Cloud-Key: {key}")

    def answered() -> socket.socket | None:
        caller = socket.create_connection(("127.0.0.1", gateway.http_port), 10)
        caller.sendall(request.encode())
        if read_head(caller)[0] == 200:
            return caller
        caller.close()
        return None

    with (
        standing(events) as port,
        agent.lane({"web": port}),
        wait_until(answered, what="the lane up, and the router told") as caller,
    ):
        gateway.do("element", "revoke", "listening")
        ends = time.monotonic() + 5
        with contextlib.suppress(ConnectionResetError):
            while caller.recv(65536):
                assert time.monotonic() < ends


@contextlib.contextmanager
def _hung(gateway: GatewayLab) -> Iterator[None]:
    """Let the router's worker hang for a while."""
    [router] = [child for child in gateway.status().children if child.name == "router"]
    assert router.pid is not None
    workers = descendants(router.pid)
    assert workers
    for process in workers:
        process.suspend()
        wait_until(lambda p=process: p.status() == psutil.STATUS_STOPPED, what="a stop")
    try:
        yield
    finally:
        for process in workers:
            with contextlib.suppress(psutil.NoSuchProcess):  # it was ended for that
                process.resume()
