"""The real program as a subprocess, and the configuration it runs on."""

import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil
import tomli_w

from ground2cloud.errors import Ground2CloudError
from ground2cloud.web.client import ApiClient
from ground2cloud.web.messages import Status
from tests.lab.processes import descendants
from tests.lab.running import Running
from tests.lab.waiting import wait_until

if TYPE_CHECKING:
    from tests.lab.sshd import ThrowawaySshd

STOP_WITHIN = 5.0
"""Seconds within which `run` promises to end."""

Table = Mapping[str, Any]


def service(
    port: int, remote_port: int, *, name: str = "app", kind: str = "http", **more: object
) -> dict[str, Any]:
    """Return one `[[service]]` whose application is at 127.0.0.1:`port`."""
    host = {"host": "127.0.0.1", "port": port, "remote_port": remote_port}
    return {"name": name, "kind": kind, **host, **more}


def write_config(
    directory: Path, sshd: "ThrowawaySshd", services: Sequence[Table], **sections: Table
) -> Path:
    """Write `agent.toml` for this sshd into `directory` and return its path.

    Args:
        directory: short and private (see `places`): state, run and log go in there too.
        sshd: gives `[gateway]`.
        services: the `[[service]]` tables, as `service` makes them.
        sections: further tables, by name; their keys win over what is written by itself:
            `backoff={"initial": 0.1}`.
    """
    tables: dict[str, Table] = {
        "gateway": {
            "host": sshd.host,
            "ssh_port": sshd.port,
            "user": sshd.user,
            "host_key": sshd.host_key,
            "identity_file": str(sshd.identity_file),
        },
        "log": {"file": str(directory / "agent.log")},
        "paths": {"state": str(directory / "state"), "run": str(directory / "run")},
        "api": {"listen": "127.0.0.1:0"},
    }
    for name, section in sections.items():
        tables[name] = {**tables.get(name, {}), **section}
    path = directory / "agent.toml"
    path.write_text(tomli_w.dumps({**tables, "service": list(services)}), "utf-8")
    return path


class Agent(Running):
    """`ground2cloud run --config FILE`; see `Running`.

    Args:
        config: its agent.toml, which names its log file.
        env: added to this process's environment.
    """

    def __init__(self, config: Path, env: Mapping[str, str] | None = None) -> None:
        self.config = config
        super().__init__(self._argv("run"), config.with_name("agent.stderr"), env)

    def wait_ready(self, timeout: float = 40.0) -> Status:
        """Wait until every service is up and every lane ready; return that status."""

        def ready() -> Status | None:
            code = self.exit_code
            assert code is None, f"the agent ended with {code}:\n{self.stderr_text()}"
            status = self.status()
            up = all(one.state == "up" for one in status.services)
            lanes = all(lane.state == "ready" for lane in status.lanes)
            return status if status.lanes and up and lanes else None

        try:
            return wait_until(ready, timeout=timeout, what="every lane ready", interval=0.05)
        except AssertionError as error:
            error.add_note(f"the agent said:\n{self.stderr_text()}")
            raise

    def stop(self, *, within: float = STOP_WITHIN, by: int = signal.SIGTERM) -> None:
        """Ask it to end, and see that it does as `run` promises."""
        super().stop(within=within, by=by)

    def cli(self, *arguments: str, timeout: float = 30.0) -> subprocess.CompletedProcess[str]:
        """Run `ground2cloud ARGUMENTS --config FILE` to its end, whatever its exit code."""
        return subprocess.run(
            self._argv(*arguments),
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
            stdin=subprocess.DEVNULL,
            env=self._environment(),
        )

    def status(self) -> Status:
        """Return what the agent's local API says, as `ground2cloud status --json` prints it.

        Asked in this process: a new one for every look would take a third of a second.

        Raises:
            ConnectionError: most likely the agent doesn't listen yet.
        """
        try:
            return ApiClient.from_run_dir(self.config.parent / "run").status()
        except Ground2CloudError as error:
            raise ConnectionError(error.message) from error

    def ssh_pids(self) -> list[int]:
        """Return the process ids of the ssh clients below it."""
        return [child.pid for child in descendants(self.pid) if _name(child) == "ssh"]

    def log_text(self) -> str:
        """Return its log file; empty as long as there is none."""
        path = self.config.parent / "agent.log"
        return path.read_text("utf-8", "replace") if path.exists() else ""

    def _argv(self, command: str, *arguments: str) -> list[str]:
        program = [sys.executable, "-m", "ground2cloud", command]
        return [*program, "--config", str(self.config), *arguments]


def _name(process: psutil.Process) -> str:
    try:
        return process.name()
    except psutil.NoSuchProcess:
        return ""
