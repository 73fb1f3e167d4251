"""The agent as a service of Windows, against a gateway and an application of this Linux machine."""

import json
import re
import shutil
from typing import Any

import tomli_w

from ground2cloud.service.seal import MARK, seal
from tests.lab.editing import edit
from tests.lab.httpapp import HttpApp
from tests.lab.ports import free_port
from tests.lab.sshd import ThrowawaySshd
from tests.lab.waiting import http_get, wait_until
from tests.services.lab.wine import NSSM, PYTHON, SSH, Wine

HOME = "C:\\ProgramData\\Ground2Cloud"
SERVICE = "ground2cloud"

_NO_PROCESS = ": Internal error"  # WinError 1359
_ESCAPE = re.compile(r"\^(.)")


class WindowsSite:
    """Its configuration, and what a person and a visitor see of it.

    Attributes:
        port: where the gateway offers the application.
    """

    def __init__(self, wine: Wine, sshd: ThrowawaySshd, app: HttpApp) -> None:
        self.wine = wine
        self.sshd = sshd
        self.app = app
        self.port = free_port()
        self.home = wine.path(HOME)
        self.config = self.home / "agent.toml"
        self.log = self.home / "logs" / "agent.log"

    def configure(self) -> None:
        """Write the configuration and the key, as a person would before the installation."""
        shutil.rmtree(self.home, ignore_errors=True)
        self.home.mkdir(parents=True)
        shutil.copy(self.sshd.identity_file, self.home / "id_ed25519")
        tables: dict[str, Any] = {
            "gateway": {
                "host": self.sshd.host,
                "ssh_port": self.sshd.port,
                "user": self.sshd.user,
                "host_key": self.sshd.host_key,
                "identity_file": "id_ed25519",
            },
            "ssh": {"program": SSH},
            "api": {"listen": "127.0.0.1:0"},
            "backoff": {"initial": 0.1},
            "service": [self.service("app", self.port)],
        }
        self.config.write_text(tomli_w.dumps(tables), "utf-8")

    def service(self, name: str, remote_port: int) -> dict[str, Any]:
        """Return one `[[service]]` that leads to the application."""
        return {
            "name": name,
            "kind": "http",
            "host": "127.0.0.1",
            "port": self.app.port,
            "remote_port": remote_port,
        }

    def edit(self, **tables: Any) -> None:  # noqa: ANN401 - TOML
        """Change tables of the configuration, as an editor would."""
        edit(self.config, lambda document: document.update(tables))

    def install(self) -> str:
        """Install the service by the command; return what it says.

        Once more where Wine could not make a process: it says so now and then while the machine is
        busy, and the command may be repeated.
        """
        for _ in range(3):
            code, said = self.wine.ground2cloud("service", "install")
            if code == 0 or not said.rstrip().endswith(_NO_PROCESS):
                break
        assert code == 0, said
        return said

    def install_as_another(self) -> str:
        """Do it where an earlier version wrote another record."""
        record = self.home / f"{SERVICE}.nssm.txt"
        record.write_text(seal(f"# an earlier version, seal {MARK}\n"), "utf-8")
        return self.install()

    def wait_served(self, port: int = 0, timeout: float = 40.0) -> None:
        """Wait until the application answers through the tunnel."""
        expected = f"hello from {self.app.name}\n"
        wait_until(
            lambda: http_get(port or self.port) == expected, timeout=timeout, what="HTTP 200"
        )

    def state(self) -> str:
        """Return the service's state in NSSM's words."""
        return self.wine.nssm("status", SERVICE).strip()

    def start(self) -> None:
        """Start the service by NSSM; wait until Windows calls it running."""
        self.wine.nssm("start", SERVICE)
        wait_until(lambda: self.state() == "SERVICE_RUNNING", timeout=40, what="the service runs")

    def send(self, event: int) -> None:
        """Send the agent an event of its console."""
        control = json.loads((self.home / "run" / "control.json").read_text("utf-8"))
        numbers = str(control["pid"]), str(event)
        code, said = self.wine.python("-m", "tests.services.lab.event", *numbers)
        assert code == 0, said

    def lines(self) -> list[str]:
        """Return the lines of its log."""
        return self.log.read_text("utf-8").splitlines()

    def agents(self) -> list[int]:
        """Return Linux' process ids of the agent; not of others that Windows' Python runs."""
        found = self.wine.processes("python.exe")
        return [pid for pid in found if b"--quiet" in _command_line(pid)]

    def ssh(self) -> list[int]:
        """Return Linux' process ids of the ssh clients."""
        return self.wine.processes("ssh.exe")

    def dump(self) -> str:
        """Return `nssm dump`, without the escapes of cmd.exe and what is this lab's own."""
        text = _ESCAPE.sub(r"\1", self.wine.nssm("dump", SERVICE))
        plain = text.replace(f'"\\"{NSSM}\\""', "nssm")
        return plain.replace(PYTHON, "PYTHON").strip() + "\n"


def _command_line(pid: int) -> bytes:
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as file:  # noqa: PTH123 - a proc file
            return file.read()
    except OSError:
        return b""
