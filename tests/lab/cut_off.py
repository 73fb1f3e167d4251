"""A lane whose machine is cut off: a gateway and an agent's ssh in network namespaces of their own.

Run it in a fresh network namespace, which becomes the gateway's; see `measured`.
"""

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Self

from ground2cloud.config.model import Kind
from tests.lab.crowd import SERVICE, SLOT
from tests.lab.gateway import GatewayLab, LabAgent
from tests.lab.httpapp import HttpApp
from tests.lab.places import short_directory
from tests.lab.processes import end_child, run
from tests.lab.replacing import replaced
from tests.lab.waiting import wait_until

GATEWAY, AGENT = "192.0.2.1", "192.0.2.2"
"""The two ends of the cable (RFC 5737)."""


def measured(rounds: int) -> list[float]:
    """Cut a lane off and take its place, so many times; return the seconds.

    They count from the new dial, which is a claim and an ssh, to an answered request.
    """
    rights = [] if os.geteuid() == 0 else ["--map-current-user", "--keep-caps"]
    words = ["unshare", "--net", *rights, sys.executable, "-m", __name__, str(rounds)]
    seconds: list[float] = json.loads(run(*words, timeout=60 + 10 * rounds))
    return seconds


class _Cable:
    """Between this network namespace and another one; use it as a context manager."""

    def __enter__(self) -> Self:
        _ip("link set lo up")
        self._there = subprocess.Popen(["unshare", "--net", "cat"], stdin=subprocess.PIPE)
        here, there = Path("/proc/self/ns/net"), Path(f"/proc/{self._there.pid}/ns/net")
        wait_until(lambda: not there.samefile(here), what="a namespace")
        _ip(f"link add gateway type veth peer name agent netns {self._there.pid}")
        _ip(f"address add {GATEWAY}/30 dev gateway")
        _ip("link set gateway up")
        self.ip(f"address add {AGENT}/30 dev agent")
        self.ip("link set lo up")
        return self

    def __exit__(self, *_: object) -> None:
        end_child(self._there)

    def inside(self, *argv: str) -> list[str]:
        """The command that runs this one on the far side."""
        return ["nsenter", f"--target={self._there.pid}", "--net", *argv]

    def ip(self, arguments: str) -> None:
        """Change the far side."""
        run(*self.inside("ip", *arguments.split()))


def _ip(arguments: str) -> None:
    run("ip", *arguments.split())


@contextlib.contextmanager
def _lane(cable: _Cable, agent: LabAgent, target: int) -> Iterator[None]:
    """Hold a lane from the far side."""
    forward = f"{SLOT}:{agent.ports[SERVICE]}:{GATEWAY}:{target}"
    cable.ip("link set agent up")
    process = subprocess.Popen(
        cable.inside(*agent.ssh_argv(forward)), stdin=subprocess.PIPE, stdout=subprocess.DEVNULL
    )
    try:
        yield
    finally:
        process.kill()
        process.wait()


def _cut_off(cable: _Cable, gateway: GatewayLab, agent: LabAgent, target: int) -> float:
    with _lane(cable, agent, target):
        return replaced(gateway, agent, target, lambda: cable.ip("link set agent down"))


def _main(rounds: int) -> list[float]:
    with (
        _Cable() as cable,
        short_directory() as directory,
        HttpApp(host="0.0.0.0") as app,
        GatewayLab(
            directory,
            gateway={"host": GATEWAY},
            ssh={"listen": [GATEWAY]},
            backchannel={"listen": [GATEWAY]},
        ) as gateway,
    ):
        agent = gateway.register((SERVICE, Kind.HTTP))
        return [_cut_off(cable, gateway, agent, app.port) for _ in range(rounds)]


if __name__ == "__main__":
    print(json.dumps(_main(int(sys.argv[1]))))
