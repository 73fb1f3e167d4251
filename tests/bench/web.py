"""A web server and a load that are faster than any tunnel between them: HAProxy and wrk."""

import contextlib
import json
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.bench.requests import until_answered
from tests.lab.places import short_directory
from tests.lab.ports import free_port
from tests.lab.processes import end_child, run

CONNECTIONS = 16

CONFIGURATION = """\
global
    nbthread 1
    maxconn 1000
defaults
    mode http
    timeout connect 5s
    timeout client 60s
    timeout server 60s
frontend web
    bind 127.0.0.1:{port}
    http-request return status 200 content-type text/plain string "It works.\\n"
"""

REPORT = Path(__file__).with_name("report.lua")


@dataclass(frozen=True, slots=True)
class Load:
    """What wrk saw: answered requests per second, latencies in ms, requests that failed."""

    rate: float
    p50: float
    p99: float
    errors: int


@contextlib.contextmanager
def web_server() -> Iterator[int]:
    """Lend the port of an HTTP server that answers everything with a few bytes."""
    port = free_port()
    with short_directory() as directory:
        configuration = directory / "haproxy.cfg"
        configuration.write_text(CONFIGURATION.format(port=port))
        process = subprocess.Popen(
            ["/usr/sbin/haproxy", "-db", "-q", "-f", str(configuration)],
            stdin=subprocess.DEVNULL,
            start_new_session=True,
        )
        try:
            until_answered(port, timeout=10)
            yield port
        finally:
            end_child(process)


def load(port: int, *, seconds: int, keep_alive: bool, headers: Sequence[str] = ()) -> Load:
    """Let wrk ask 127.0.0.1:`port` with 16 connections, or a new connection for each request.

    `headers` are further ones, each a whole line.
    """
    lines = (*headers, *(() if keep_alive else ("Connection: close",)))
    words = [word for line in lines for word in ("--header", line)]
    out = run(
        "wrk",
        "--threads=1",
        f"--connections={CONNECTIONS}",
        f"--duration={seconds}s",
        "--timeout=5s",
        f"--script={REPORT}",
        *words,
        f"http://127.0.0.1:{port}/",
        timeout=seconds + 30,
    )
    report = json.loads(out.splitlines()[-1])
    return Load(
        rate=report["requests"] / report["microseconds"] * 1e6,
        p50=report["p50"] / 1000,
        p99=report["p99"] / 1000,
        errors=report["errors"],
    )
