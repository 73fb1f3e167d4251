"""Router and lane made by hand, as the design was proved: what the program is held against."""

import contextlib
import subprocess
from collections.abc import Iterator
from pathlib import Path

from ground2cloud.registry.tokens import digest
from tests.bench.requests import until_answered
from tests.lab.places import short_directory
from tests.lab.ports import free_port
from tests.lab.processes import end_child
from tests.lab.sshd import ThrowawaySshd

KEY = "by-hand-0123456789-0123456789-0123456789-ab"
HEADER = f"Ground2Cloud-Key: {KEY}"
"""What a caller of it sends."""

_FILES = Path(__file__).parent


@contextlib.contextmanager
def router(target: int) -> Iterator[int]:
    """Lend the port of a router that leads callers with `HEADER` to a local port."""
    port = free_port()
    with short_directory() as directory:
        words = {
            "@DIRECTORY@": str(directory),
            "@PORT@": str(port),
            "@NAME@": f"by-hand-{port}",
            "@LANE@": str(target),
        }
        for name in ("router.cfg", "connect.lua"):
            text = (_FILES / name).read_text("utf-8")
            for word, value in words.items():
                text = text.replace(word, value)
            (directory / name).write_text(text)
        (directory / "keys.map").write_text(f"{digest(KEY)} route\n")
        (directory / "connect.map").write_text(f"{digest(KEY)}/route tcp\n")
        process = subprocess.Popen(
            ["/usr/sbin/haproxy", "-db", "-q", "-f", str(directory / "router.cfg")],
            stdin=subprocess.DEVNULL,
            start_new_session=True,
        )
        try:
            until_answered(port, expected=b" 401 ", timeout=10)
            yield port
        finally:
            end_child(process)


@contextlib.contextmanager
def lane(sshd: ThrowawaySshd, target: int, *options: str) -> Iterator[int]:
    """Hold `ssh -R` with these options to a local port; lend its port on the sshd."""
    port = free_port()
    argv = sshd.client_argv(*options, "-R", f"127.0.0.1:{port}:127.0.0.1:{target}")
    process = subprocess.Popen(
        argv, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        until_answered(port, timeout=20)
        yield port
    finally:
        end_child(process)
        assert process.stdin is not None
        process.stdin.close()
