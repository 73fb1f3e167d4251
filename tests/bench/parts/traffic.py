"""Many small requests: the held session against `ssh -N -R` with OpenSSH's defaults.

From OpenSSH 10.1 on, sshd sets TCP_NODELAY without a session too: there the rows only inform.
"""

from functools import partial

from tests.bench.machine import sshd_version
from tests.bench.peers import BareSsh
from tests.bench.rows import Row, interleave, ratio
from tests.bench.web import CONNECTIONS, Load, load, web_server
from tests.lab.agent import Agent, service, write_config
from tests.lab.places import short_directory
from tests.lab.ports import free_port
from tests.lab.sshd import ThrowawaySshd
from tests.lab.waiting import wait_until

ROUNDS = 11
SECONDS = 3
FAST_FROM = (10, 1)


def _rows(kind: str, loads: dict[str, list[Load]], rate_bar: float | None) -> list[Row]:
    rates = {name: [one.rate for one in runs] for name, runs in loads.items()}
    p99s = {name: [one.p99 for one in runs] for name, runs in loads.items()}
    failed = {name: sum(one.errors for one in runs) for name, runs in loads.items()}
    assert not failed["ours"], f"{kind}: requests failed: {failed}"
    slow_server = sshd_version() < FAST_FROM
    return [
        Row(
            f"requests/s, {kind}, {CONNECTIONS} at once",
            "1/s",
            rates,
            ratio(rates, "bare ssh"),
            rate_bar if slow_server else None,
            at_most=False,
            figure="÷ bare ssh -N's",
        ),
        Row(
            f"p99 of a request, {kind}",
            "ms",
            p99s,
            ratio(p99s, "bare ssh"),
            0.25 if slow_server else None,
            figure="÷ bare ssh -N's",
        ),
    ]


def measure() -> list[Row]:
    """Load both lanes in turn, `ROUNDS` times for `SECONDS`, and the server directly to compare."""
    port = free_port()
    with ThrowawaySshd() as sshd, web_server() as web, short_directory() as directory:
        config = write_config(directory, sshd, [service(web, port)])
        with Agent(config) as agent, BareSsh(sshd, free_port(), web) as bare:
            agent.wait_ready()
            wait_until(lambda: agent.status().lanes[0].session == "held", what="a held session")
            # The server itself is measured too: it must not be what limits the lanes.
            ports = {"ours": port, "bare ssh": bare.remote_port, "direct": web}

            kept, fresh = (
                interleave(
                    ROUNDS,
                    {
                        name: partial(load, to, seconds=SECONDS, keep_alive=keep_alive)
                        for name, to in ports.items()
                    },
                    warm_up=False,
                )
                for keep_alive in (True, False)
            )
    return [*_rows("new connections", fresh, 1.5), *_rows("kept connections", kept, None)]
