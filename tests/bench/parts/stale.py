"""An agent's ssh is frozen, or its machine cut off, and its place is taken.

How long is it from the new dial to an answer? Against a plain sshd, which holds the port until it
gives the dead client up.
"""

import signal
import statistics
import subprocess
import time

from ground2cloud.config.model import Kind
from tests.bench.requests import ask, until_answered
from tests.bench.rows import Row
from tests.bench.web import web_server
from tests.lab import cut_off
from tests.lab.crowd import SERVICE
from tests.lab.gateway import GatewayLab, LabAgent
from tests.lab.places import short_directory
from tests.lab.ports import free_port
from tests.lab.replacing import replaced
from tests.lab.sshd import ThrowawaySshd
from tests.lab.waiting import wait_until

ROUNDS = 15
ALIVE = ("ClientAliveInterval 5", "ClientAliveCountMax 2")
"""Of the plain sshd: as a careful administrator sets them; by default it would never give up."""


def _frozen(gateway: GatewayLab, agent: LabAgent, target: int) -> float:
    """Freeze a lane and take its place as an agent does: claim, then dial."""
    with agent.lane({SERVICE: target}) as ssh:
        return replaced(gateway, agent, target, lambda: ssh.send_signal(signal.SIGSTOP))


def _plain(target: int) -> float:
    """Do the same on a plain sshd, where one dials until one gets in."""
    port = free_port()
    with ThrowawaySshd(*ALIVE) as sshd:
        argv = sshd.client_argv("-N", "-R", f"127.0.0.1:{port}:127.0.0.1:{target}")
        quiet = {"stdin": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        frozen = subprocess.Popen(argv, **quiet)
        try:
            wait_until(lambda: b"200" in ask(port), what="the tunnel up")
            frozen.send_signal(signal.SIGSTOP)
            began = time.perf_counter()
            # With -f it returns when it has its port or ends without. The port is not asked
            # before: sshd gives nobody up while callers come.
            while subprocess.run([*argv[:-1], "-f", argv[-1]], check=False, **quiet).returncode:
                time.sleep(0.2)
            return until_answered(port) - began
        finally:
            frozen.kill()
            frozen.wait()


def measure() -> list[Row]:
    """Freeze and cut off `ROUNDS` times each; the plain sshd once, which takes half a minute."""
    with (
        short_directory() as directory,
        web_server() as web,
        GatewayLab(directory, log={"level": "info"}) as gateway,
    ):
        agent = gateway.register((SERVICE, Kind.HTTP))
        frozen = [_frozen(gateway, agent, web) for _ in range(ROUNDS)]
        samples = {"ours": frozen, "plain sshd": [_plain(web)]}
    return [
        _row("ssh frozen (SIGSTOP)", samples),
        _row("machine cut off", {"ours": cut_off.measured(ROUNDS)}),
    ]


def _row(lost: str, samples: dict[str, list[float]]) -> Row:
    what = f"{lost} and replaced: from the new dial to an answer"
    return Row(what, "s", samples, statistics.median(samples["ours"]), 0.6, figure="s")
