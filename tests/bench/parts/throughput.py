"""Much data at once: against bare ssh with the same cipher, and with OpenSSH's defaults."""

from functools import partial

import psutil

from tests.bench.bulk import bulk_server, transfer
from tests.bench.peers import BareSsh
from tests.bench.rows import Row, interleave, ratio
from tests.lab.agent import Agent, service, write_config
from tests.lab.places import short_directory
from tests.lab.ports import free_port
from tests.lab.processes import run
from tests.lab.sshd import ThrowawaySshd

ROUNDS = 15
BYTES = 512 << 20


def _ciphers(agent: Agent) -> str:
    """Ask the ssh of the lane itself: its own command, with -G for "say your configuration"."""
    [lane] = agent.ssh_pids()
    program, *arguments = psutil.Process(lane).cmdline()
    answer = run(program, "-G", *arguments)
    [ciphers] = [line.split()[1] for line in answer.splitlines() if line.startswith("ciphers ")]
    return ciphers


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


def _rows(way: str, samples: dict[str, list[float]]) -> list[Row]:
    return [
        Row(
            f"throughput, {way} the application",
            "MB/s",
            samples,
            ratio(samples, peer),
            bar,
            at_most=False,
            figure=f"÷ bare ssh's, {peer}",
        )
        for peer, bar in (("same cipher", 0.97), ("defaults", 1.3))
    ]
