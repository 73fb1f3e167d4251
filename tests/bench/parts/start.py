"""The start of the program until its forward is of use, over what bare ssh needs."""

import statistics
import time

from tests.bench.peers import BareSsh
from tests.bench.requests import until_answered, until_silent
from tests.bench.rows import Row, interleave
from tests.bench.web import web_server
from tests.lab.agent import Agent, service, write_config
from tests.lab.places import short_directory
from tests.lab.ports import free_port
from tests.lab.sshd import ThrowawaySshd

ROUNDS = 9


def _start(agent: Agent, port: int) -> float:
    began = time.perf_counter()
    agent.start()
    try:
        return until_answered(port) - began
    finally:
        agent.stop()
        until_silent(port)


def measure() -> list[Row]:
    """Start and stop, in turn with bare ssh, `ROUNDS` times."""
    port = free_port()
    with ThrowawaySshd() as sshd, web_server() as web, short_directory() as directory:
        bare = BareSsh(sshd, free_port(), web)
        with Agent(write_config(directory, sshd, [service(web, port)])) as agent:
            agent.wait_ready()
            agent.stop()
            until_silent(port)
            samples = interleave(
                ROUNDS, {"ours": lambda: _start(agent, port), "bare ssh": bare.sample_start}
            )
    over = statistics.median(samples["ours"]) - statistics.median(samples["bare ssh"])
    what = "start of the program → forward usable"
    return [Row(what, "s", samples, over, 0.6, figure="s over bare ssh's")]
