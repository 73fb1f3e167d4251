"""ssh is killed with -9: how long until the next request is answered?

Against the time that a bare `ssh -N -R` needs to connect at all, which nothing that starts ssh
again can beat by much, and against autossh.
"""

import time

import psutil

from tests.bench.peers import Autossh, BareSsh
from tests.bench.requests import until_answered
from tests.bench.rows import Row, interleave, ratio
from tests.bench.web import web_server
from tests.lab.agent import Agent, service, write_config
from tests.lab.places import short_directory
from tests.lab.ports import free_port
from tests.lab.sshd import ThrowawaySshd

WHAT = "ssh killed with -9 → next request answered"
ROUNDS = 21
PROVEN = 3.5
"""Seconds before each kill: a lane that ends sooner than `reset_after` (3 s) may have to wait."""


def _recover(agent: Agent, port: int) -> float:
    time.sleep(PROVEN)
    [lane] = agent.ssh_pids()
    began = time.perf_counter()
    psutil.Process(lane).kill()
    return until_answered(port) - began


def measure() -> list[Row]:
    """Kill, in turn with the peers, `ROUNDS` times."""
    port = free_port()
    with ThrowawaySshd() as sshd, web_server() as web, short_directory() as directory:
        bare = BareSsh(sshd, free_port(), web)
        autossh = Autossh(sshd, free_port(), web)
        with Agent(write_config(directory, sshd, [service(web, port)])) as agent:
            agent.wait_ready()
            samples = interleave(
                ROUNDS,
                {
                    "ours": lambda: _recover(agent, port),
                    "bare ssh": bare.sample_start,
                    "autossh": autossh.sample_recovery,
                },
            )
    return [
        Row(WHAT, "s", samples, ratio(samples, "bare ssh"), 1.3, figure="÷ bare ssh's connect"),
        Row(WHAT, "s", samples, ratio(samples, "autossh"), 1.0, figure="÷ autossh's"),
    ]
