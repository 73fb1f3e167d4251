"""Small requests through router and lane, as a caller with a key sends them.

Against the same made by hand: HAProxy with a key map, on one port with CONNECT, before `ssh -T -R`
with a held session. The others stand behind that same router, since their callers need one too;
their tunnel by itself is in the medians as `… alone`.
"""

import contextlib
import statistics
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path

import tomli_w
from rich.console import Console

from tests.bench import by_hand, tunnels
from tests.bench.machine import sshd_version
from tests.bench.rows import Row, interleave
from tests.bench.web import CONNECTIONS, Load, load, web_server
from tests.lab.agent import Agent
from tests.lab.crowd import SERVICE
from tests.lab.gateway import GatewayLab
from tests.lab.places import short_directory
from tests.lab.sshd import ThrowawaySshd
from tests.lab.waiting import wait_until

ROUNDS = 15
SECONDS = 1
FAST_FROM = (10, 1)
"""From this OpenSSH on, sshd sets TCP_NODELAY for `ssh -N` too."""

Target = tuple[int, tuple[str, ...]]
"""A port, and the headers that a caller sends there."""


@contextlib.contextmanager
def _ours(web: int) -> Iterator[Target]:
    """Run a gateway with a registered agent; lend the router's port and what a caller sends."""
    with (
        short_directory() as here,
        short_directory() as there,
        GatewayLab(here, log={"level": "info"}) as gateway,
    ):
        agent = Agent(_agent_config(there, web))
        done = agent.cli("register", gateway.do("invite"))
        assert done.returncode == 0, done.stderr
        key, route = gateway.element(1001), f"1001/{SERVICE}"
        with agent:
            agent.wait_ready()
            wait_until(
                lambda: (
                    gateway.request(Ground2Cloud_Route=route, Ground2Cloud_Key=key).status == 200
                ),
                what="the application reached",
            )
            held = wait_until(lambda: agent.status().lanes[0].session == "held", what="its session")
            assert held
            headers = (f"Ground2Cloud-Key: {key}", f"Ground2Cloud-Route: {route}")
            yield gateway.http_port, headers


def _agent_config(directory: Path, web: int) -> Path:
    tables = {
        "service": [{"name": SERVICE, "kind": "http", "host": "127.0.0.1", "port": web}],
        "log": {"file": str(directory / "agent.log")},
        "paths": {"state": str(directory / "state"), "run": str(directory / "run")},
        "api": {"listen": "127.0.0.1:0"},
    }
    config = directory / "agent.toml"
    config.write_text(tomli_w.dumps(tables), "utf-8")
    return config


@contextlib.contextmanager
def _targets() -> Iterator[dict[str, Target]]:
    """Lend everything that is measured, each ready."""
    others, missing = tunnels.available()
    for name, reason in missing.items():
        Console().print(f"without {name}, it can't be built here: {reason}", highlight=False)
    for name, version in tunnels.versions().items():
        Console().print(f"{name + ':':14}{version}", highlight=False)
    key = (by_hand.HEADER,)
    with contextlib.ExitStack() as stack:
        enter = stack.enter_context
        web, sshd = enter(web_server()), enter(ThrowawaySshd())
        found = {"ours": enter(_ours(web))}
        found["by hand"] = (enter(by_hand.router(enter(by_hand.lane(sshd, web, "-T")))), key)
        alone = {"ssh -N": enter(by_hand.lane(sshd, web, "-N"))}
        alone |= {name: enter(tunnels.held(other, web)) for name, other in others.items()}
        for name, port in alone.items():
            found[name] = (enter(by_hand.router(port)), key)
            found[f"{name} alone"] = (port, ())
        yield found


def _ratio(samples: Mapping[str, list[float]], peer: str) -> float:
    """Median of the ratios within each round: what changes from round to round falls out."""
    pairs = zip(samples["ours"], samples[peer], strict=True)
    return statistics.median(ours / theirs for ours, theirs in pairs)


def _rows(kind: str, loads: Mapping[str, list[Load]]) -> Iterator[Row]:
    rates = {name: [one.rate for one in runs] for name, runs in loads.items()}
    p99s = {name: [one.p99 for one in runs] for name, runs in loads.items()}
    failed = {name: sum(one.errors for one in runs) for name, runs in loads.items()}
    assert not any(failed.values()), f"{kind}: requests failed: {failed}"
    figure = "÷ by hand"
    what = f"through the router, {kind}, {CONNECTIONS} at once"
    yield Row(what, "1/s", rates, _ratio(rates, "by hand"), 1.0, at_most=False, figure=figure)
    yield Row(f"{what}: p99", "ms", p99s, _ratio(p99s, "by hand"), 1.0, figure=figure)
    for name in loads:
        if name in {"ours", "by hand"} or name.endswith(" alone"):
            continue
        counts = name != "ssh -N" or sshd_version() < FAST_FROM
        two = {peer: p99s[peer] for peer in ("ours", name)}
        yield Row(
            f"{what}: p99",
            "ms",
            two,
            _ratio(two, name),
            1.0 if counts else None,
            figure=f"÷ that of {name}",
        )


def measure() -> list[Row]:
    """Load each in turn, `ROUNDS` times for `SECONDS`: short rounds, as the machine is shared."""
    with _targets() as targets:
        kept, fresh = (
            interleave(
                ROUNDS,
                {
                    name: partial(
                        load, port, seconds=SECONDS, keep_alive=keep_alive, headers=headers
                    )
                    for name, (port, headers) in targets.items()
                },
                warm_up=False,
            )
            for keep_alive in (True, False)
        )
    return [*_rows("kept connections", kept), *_rows("new connections", fresh)]
