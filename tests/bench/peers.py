"""Who the program is measured against: `ssh -N -R` by hand, and autossh as Debian has it.

Both forward 127.0.0.1:`remote_port` of the sshd to 127.0.0.1:`local_port` here, with the options
that make a plain ssh usable for this at all (no question, an end when the forward fails).
"""

import os
import subprocess
import time
from collections.abc import Mapping
from typing import Self

import psutil

from tests.bench.requests import until_answered, until_silent
from tests.lab.processes import descendants, end_child, kill_all
from tests.lab.sshd import ThrowawaySshd
from tests.lab.waiting import wait_until


class Peer:
    """A command that holds a tunnel; use it as a context manager."""

    def __init__(self, sshd: ThrowawaySshd, remote_port: int, local_port: int) -> None:
        self.sshd = sshd
        self.remote_port = remote_port
        self.local_port = local_port
        self._process: subprocess.Popen[bytes] | None = None

    def argv(self, *options: str) -> list[str]:
        """Return the plain ssh command with this forward and further options."""
        forward = f"127.0.0.1:{self.remote_port}:127.0.0.1:{self.local_port}"
        return self.sshd.client_argv("-N", "-R", forward, *options)

    def command(self) -> list[str]:
        """Return what is run."""
        return self.argv()

    def environment(self) -> Mapping[str, str]:
        """Return what is set besides the environment of this process."""
        return {}

    def start(self) -> float:
        """Start, wait for the first answered request, return how long that took in seconds."""
        began = time.perf_counter()
        self._process = subprocess.Popen(
            self.command(),
            env={**os.environ, **self.environment()},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        return until_answered(self.remote_port) - began

    def stop(self) -> None:
        """End it and wait until the sshd has given up its port."""
        assert self._process is not None
        below = descendants(self._process.pid)
        end_child(self._process)
        kill_all(below)
        self._process = None
        until_silent(self.remote_port)

    def sample_start(self) -> float:
        """Start and stop; return how long the start took in seconds."""
        try:
            return self.start()
        finally:
            self.stop()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


class BareSsh(Peer):
    """`ssh -N -R`, with further options if given."""

    def __init__(
        self, sshd: ThrowawaySshd, remote_port: int, local_port: int, *options: str
    ) -> None:
        super().__init__(sshd, remote_port, local_port)
        self._options = options

    def command(self) -> list[str]:
        """Return the plain ssh command."""
        return self.argv(*self._options)


class Autossh(Peer):
    """`autossh -M 0` around the same command, as its manual recommends it today."""

    def command(self) -> list[str]:
        """Return autossh with ssh's own arguments."""
        return ["autossh", "-M", "0", *self.argv()[1:]]

    def environment(self) -> Mapping[str, str]:
        """Keep it from giving up when the first ssh ends within 30 s."""
        return {"AUTOSSH_GATETIME": "0"}

    def sample_recovery(self) -> float:
        """Kill the ssh below a fresh autossh; return the seconds to the next answered request.

        A fresh one each time shows autossh at its best: it slows down after five quick ends.
        """
        self.start()
        try:
            assert self._process is not None
            autossh = psutil.Process(self._process.pid)
            [ssh] = wait_until(autossh.children, what="ssh of autossh")
            began = time.perf_counter()
            ssh.kill()
            return until_answered(self.remote_port) - began
        finally:
            self.stop()
