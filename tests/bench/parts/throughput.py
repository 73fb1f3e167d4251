"""Much data at once: against bare ssh with the same cipher, and with OpenSSH's defaults.

Four processes share the processors. Where the scheduler happens to put them decides between 300 and
700 MB/s on two cores, for each peer alike, and no number of rounds of that tells 3 %. So they are
kept in their places, and each transfer is compared with its neighbour of the same round.
"""

import contextlib
import os
import statistics
import sys
from collections.abc import Iterator, Mapping
from functools import partial

import psutil

from tests.bench.bulk import bulk_server, transfer
from tests.bench.peers import BareSsh
from tests.bench.rows import Row, interleave
from tests.lab.agent import Agent, service, write_config
from tests.lab.places import short_directory
from tests.lab.ports import free_port
from tests.lab.processes import descendants, for_each, run
from tests.lab.sshd import ThrowawaySshd

ROUNDS = 60
BYTES = 128 << 20


def _ciphers(agent: Agent) -> str:
    """Ask the ssh of the lane itself: its own command, with -G for "say your configuration"."""
    [lane] = agent.ssh_pids()
    program, *arguments = psutil.Process(lane).cmdline()
    answer = run(program, "-G", *arguments)
    [ciphers] = [line.split()[1] for line in answer.splitlines() if line.startswith("ciphers ")]
    return ciphers


@contextlib.contextmanager
def _in_place() -> Iterator[None]:
    """Keep each ssh and this process on one processor, each sshd and the server on another.

    This process only lets the kernel move what it reads or writes; it matters little where it is.
    """
    if sys.platform != "linux" or len(os.sched_getaffinity(0)) < 2:
        yield
        return
    everywhere = os.sched_getaffinity(0)
    near, far = sorted(everywhere)[:2]

    def put(process: psutil.Process) -> None:
        core = near if process.name() == "ssh" else far
        for thread in process.threads():
            os.sched_setaffinity(thread.id, {core})

    for_each(descendants(os.getpid()), put)
    os.sched_setaffinity(0, {near})
    try:
        yield
    finally:
        os.sched_setaffinity(0, everywhere)


def measure() -> list[Row]:
    """Move `BYTES` through each tunnel in turn, in both directions, `ROUNDS` times."""
    port = free_port()
    rows = []
    with ThrowawaySshd() as sshd, bulk_server() as bulk, short_directory() as directory:
        config = write_config(directory, sshd, [service(bulk, port, kind="tcp")])
        with Agent(config) as agent:
            agent.wait_ready()
            ciphers = f"Ciphers={_ciphers(agent)}"
            with (
                BareSsh(sshd, free_port(), bulk, "-o", ciphers) as same,
                BareSsh(sshd, free_port(), bulk) as defaults,
                _in_place(),
            ):
                ports = {
                    "ours": port,
                    "same cipher": same.remote_port,
                    "defaults": defaults.remote_port,
                    "direct": bulk,
                }
                for down in (True, False):
                    samples = interleave(
                        ROUNDS,
                        {
                            name: partial(transfer, to, BYTES, down=down)
                            for name, to in ports.items()
                        },
                    )
                    rows += _rows("from" if down else "to", samples)
    return rows


def _ratio(samples: Mapping[str, list[float]], peer: str) -> float:
    """Median of the ratios within each round: what changes from round to round falls out."""
    return statistics.median(
        ours / theirs for ours, theirs in zip(samples["ours"], samples[peer], strict=True)
    )


def _rows(way: str, samples: dict[str, list[float]]) -> list[Row]:
    return [
        Row(
            f"throughput, {way} the application",
            "MB/s",
            samples,
            _ratio(samples, peer),
            bar,
            at_most=False,
            figure=f"÷ bare ssh's, {peer}",
        )
        for peer, bar in (("same cipher", 0.97), ("defaults", 1.3))
    ]
