"""Many lanes at once: at a new gateway, at a restarted one, at one that was stopped and started.

The lanes are real ssh processes, each with an ID and a key of its own, that claim and dial as
agents do (`tests.lab.crowd`). They are held by threads of one process: two hundred agents in
Python would not fit on two processors, and what they need to start is none of the gateway's doing.
The peer is a bare sshd with MaxStartups 400 that is called by as many `ssh -N -R` at once.
"""

import statistics
import subprocess
import time
from collections.abc import Callable

from ground2cloud.roles.gateway.listeners import listening
from tests.bench.rows import Row, ratio
from tests.lab.crowd import SLOT, Crowd, tunnels
from tests.lab.gateway import GatewayLab
from tests.lab.places import short_directory
from tests.lab.ports import free_range
from tests.lab.sshd import ThrowawaySshd
from tests.lab.waiting import wait_until

LANES = 200
ROUNDS = 3
RESTARTED = 50
RESTARTS = 5
NOWHERE = 9
"""A target that no lane is asked for."""


def _arrive() -> tuple[float, int]:
    """Let all come to a fresh gateway; return the seconds until all are up, and failed attempts."""
    with (
        short_directory() as directory,
        GatewayLab(directory, tunnels=tunnels(LANES), log={"level": "info"}) as gateway,
        Crowd(gateway, LANES, NOWHERE) as crowd,
    ):
        began = time.perf_counter()
        crowd.start()
        wait_until(lambda: crowd.all_up, timeout=120, what="all lanes up")
        return time.perf_counter() - began, crowd.failed


def _bare(lanes_wanted: int) -> float:
    """Let as many ssh come to a bare sshd."""
    first, last = free_range(lanes_wanted)
    ports = range(first, last + 1)
    places = {(SLOT, port) for port in ports}
    lanes: list[subprocess.Popen[bytes]] = []
    with ThrowawaySshd("MaxStartups 400", "ClientAliveInterval 15") as sshd:
        try:
            began = time.perf_counter()
            for port in ports:
                argv = sshd.client_argv("-N", "-R", f"{SLOT}:{port}:{SLOT}:{NOWHERE}")
                lanes.append(subprocess.Popen(argv, stdin=subprocess.DEVNULL))
            wait_until(lambda: places <= listening(), timeout=120, what="all lanes up")
            return time.perf_counter() - began
        finally:
            for lane in lanes:
                lane.kill()
            for lane in lanes:
                lane.wait()


def _restart(gateway: GatewayLab) -> None:
    told = gateway.cli("restart")
    assert told.returncode == 0, told.stderr


def _stop_and_start(gateway: GatewayLab) -> None:
    gateway.stop()
    gateway.start()


def _restarts(how: Callable[[GatewayLab], None], times: int) -> list[float]:
    """Restart a gateway below its lanes; return the seconds from the beginning until all are up."""
    took = []
    with (
        short_directory() as directory,
        GatewayLab(directory, tunnels=tunnels(RESTARTED), log={"level": "info"}) as gateway,
        Crowd(gateway, RESTARTED, NOWHERE) as crowd,
    ):
        crowd.start()
        for _ in range(times):
            wait_until(lambda: crowd.all_up, timeout=60, what="all lanes up")
            began = time.perf_counter()
            how(gateway)
            wait_until(lambda: crowd.all_up, timeout=60, what="all lanes back")
            took.append(time.perf_counter() - began)
            gateway.wait_ready()
    return took


def measure() -> list[Row]:
    """Let them come, in turn with the bare ones, and restart under some."""
    ours, bare, failed = [], [], 0
    for _ in range(ROUNDS):
        bare.append(_bare(LANES))
        took, lost = _arrive()
        ours.append(took)
        failed += lost
    samples = {"ours": ours, "bare sshd": bare}
    restarted = _restarts(_restart, RESTARTS)
    cold = {
        "ours": _restarts(_stop_and_start, ROUNDS),
        "bare logins": [_bare(RESTARTED) for _ in range(ROUNDS)],
    }
    what = f"{LANES} lanes connect at once"
    return [
        Row(what, "s", samples, ratio(samples, "bare sshd"), 1.3, figure="÷ bare sshd's"),
        Row(what, "failed", {"ours": [float(failed)]}, failed, 0, figure="failed attempts"),
        Row(
            f"gateway restart with {RESTARTED} lanes: until it serves and all are up",
            "s",
            {"ours": restarted},
            statistics.median(restarted),
            5.0,
            figure="s",
        ),
        Row(
            f"gateway stopped and started with {RESTARTED} lanes: until all are back",
            "s",
            cold,
            ratio(cold, "bare logins"),
            None,
            figure=f"÷ {RESTARTED} bare logins",
        ),
    ]
