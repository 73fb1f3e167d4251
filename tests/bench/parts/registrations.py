"""A gateway with 10,000 registrations: its start, one more that registers, a lane that logs in.

The caller's key is made as `gateway element add` makes it, but without starting a program for it.
"""

import contextlib
import socket
import statistics
import subprocess
import time
from collections.abc import Iterator
from functools import partial

from ground2cloud.config.model import Kind
from ground2cloud.roles.gateway.foundation import REGISTRY_FILE
from tests.bench.filling import fill
from tests.bench.rows import Row, interleave
from tests.bench.web import web_server
from tests.lab.crowd import SERVICE
from tests.lab.gateway import GatewayLab, LabAgent
from tests.lab.places import short_directory
from tests.lab.waiting import wait_until

MANY = 10_000
STARTS = 5
JOINS = 11
LOGINS = 21


@contextlib.contextmanager
def _gateway(count: int) -> Iterator[GatewayLab]:
    """Lend a gateway with so many registrations, not started."""
    with short_directory() as directory:
        gateway = GatewayLab(directory, log={"level": "info"})
        if count:
            gateway.make_authorities()
            fill(directory / "state" / REGISTRY_FILE, count)
        try:
            yield gateway
        finally:
            gateway.kill()


def _serving(gateway: GatewayLab) -> bool:
    """Whether all three doors answer as they should."""
    for port in (gateway.backchannel_port, gateway.ssh_port):
        with socket.create_connection(("127.0.0.1", port), 1.0) as connection:
            if port == gateway.ssh_port and not connection.recv(4).startswith(b"SSH-"):
                return False
    return gateway.request(Ground2Cloud_Route=f"1001/{SERVICE}").error == "no-key"


def _start(gateway: GatewayLab) -> float:
    began = time.perf_counter()
    gateway.start()
    wait_until(lambda: _serving(gateway), what="the gateway serving", interval=0.005)
    took = time.perf_counter() - began
    gateway.wait_ready()
    gateway.stop()
    return took


def _join(gateway: GatewayLab, join: str, target: int) -> tuple[float, float]:
    """Register one more; return the seconds to the answer, and from there to the first request."""
    agent = LabAgent(gateway, join, ((SERVICE, Kind.HTTP),), register=False)
    began = time.perf_counter()
    agent.join_gateway()
    answered = time.perf_counter()
    key = gateway.element(agent.id)
    with agent.lane({SERVICE: target}):
        route = f"{agent.id}/{SERVICE}"
        wait_until(
            lambda: gateway.request(Ground2Cloud_Route=route, Ground2Cloud_Key=key).status == 200,
            what="the first request answered",
            interval=0.005,
        )
        return answered - began, time.perf_counter() - answered


def _login(agent: LabAgent) -> float:
    """Log in and out again; return how long that took in seconds."""
    began = time.perf_counter()
    argv = agent.ssh_argv()
    subprocess.run(argv, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, check=True)
    return time.perf_counter() - began


def _starts() -> Row:
    with _gateway(MANY) as many, _gateway(1) as one:
        samples = interleave(
            STARTS, {"ours": partial(_start, many), "with one": partial(_start, one)}
        )
    what = f"gateway run with {MANY:,} registrations → serving"
    return Row(what, "s", samples, statistics.median(samples["ours"]), 5.0, figure="s")


def _joins(gateway: GatewayLab, target: int) -> Iterator[Row]:
    took = [_join(gateway, join, target) for join in gateway.joins(JOINS)]
    for what, index, bar in (
        ("answered", 0, 0.3),
        ("from there to its first request through router and lane", 1, 1.0),
    ):
        seconds = [each[index] for each in took]
        yield Row(
            f"one more registers beside {MANY:,}: {what}",
            "s",
            {"ours": seconds},
            statistics.median(seconds),
            bar,
            figure="s",
        )


def _logins(many: GatewayLab) -> Row:
    with _gateway(0) as few:
        few.start()
        few.wait_ready()
        agents = {
            name: gateway.register((SERVICE, Kind.HTTP))
            for name, gateway in {"ours": many, "with one": few}.items()
        }
        samples = interleave(
            LOGINS, {name: partial(_login, agent) for name, agent in agents.items()}
        )
    pairs = zip(samples["ours"], samples["with one"], strict=True)
    more = statistics.median(ours - one for ours, one in pairs)
    what = f"a lane logs in, with {MANY:,} keys"
    return Row(what, "s", samples, more * 1000, 40.0, figure="ms more than with one key")


def measure() -> list[Row]:
    """Start it, let some register, let lanes log in."""
    rows = [_starts()]
    with web_server() as web, _gateway(MANY) as gateway:
        gateway.start()
        gateway.wait_ready()
        rows += _joins(gateway, web)
        rows.append(_logins(gateway))
    return rows
