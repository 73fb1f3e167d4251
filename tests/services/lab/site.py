"""A machine with the agent on it, as a person sets it up, and what one sees of it from outside."""

import json
from collections.abc import Sequence
from typing import Any

import psutil
import tomli_w

from tests.lab.waiting import wait_until
from tests.services.lab.machine import Done, Gateway, Machine

DIRECTORY = "/etc/ground2cloud"
CONFIG = f"{DIRECTORY}/agent.toml"
KEY = f"{DIRECTORY}/id_ed25519"
UNIT = "ground2cloud.service"
HELLO = "hello from app\n"


class Site:
    """The agent of one machine, and its port on the gateway.

    Attributes:
        port: on the gateway, leads to the application.
    """

    def __init__(self, machine: Machine, gateway: Gateway) -> None:
        self.machine = machine
        self.gateway = gateway
        self.port = gateway.free_port()

    def configuration(self, *ports: int, **gateway: object) -> dict[str, Any]:
        """Return the content of `agent.toml`: a service for each port, by default for `port`."""
        services = [
            {"name": f"app{port}", "kind": "http", "port": self.gateway.app, "remote_port": port}
            for port in ports or (self.port,)
        ]
        facts = {
            "host": "127.0.0.1",
            "ssh_port": self.gateway.port,
            "user": self.gateway.user,
            "host_key": self.gateway.host_key,
        }
        return {"gateway": facts | gateway, "service": services}

    def configure(self, *ports: int, path: str = CONFIG, **gateway: object) -> None:
        """Write the configuration and a key that the gateway lets in, as root's files."""
        self.machine.write(path, tomli_w.dumps(self.configuration(*ports, **gateway)), 0o600)
        self.machine.write(KEY, self.gateway.identity, 0o600)

    def edit(self, *ports: int, path: str = CONFIG) -> None:
        """Change the configuration, which keeps its owner and mode."""
        self.machine.path(path).write_text(tomli_w.dumps(self.configuration(*ports)), "utf-8")

    def spoil(self) -> None:
        """Change the configuration into one that can't be used."""
        text = self.machine.path(CONFIG).read_text("utf-8")
        self.machine.path(CONFIG).write_text(text.replace("host_key", "hots_key"), "utf-8")

    def program(self, *arguments: str, check: bool = True) -> Done:
        """Run `ground2cloud ARGUMENTS` as root."""
        return self.machine.run("ground2cloud", *arguments, check=check)

    def install(self, *arguments: str, check: bool = True) -> Done:
        """Install the service by the command."""
        return self.program("service", "install", *arguments, check=check)

    def is_served(self, port: int = 0) -> bool:
        """Tell whether the application answers through the tunnel."""
        try:
            return self.gateway.get(port or self.port) == HELLO
        except ConnectionError:
            return False

    def wait_served(self, port: int = 0, timeout: float = 20.0) -> None:
        """Wait until it does."""
        try:
            wait_until(
                lambda: self.is_served(port), timeout=timeout, what="200 OK through the tunnel"
            )
        except AssertionError as error:
            log = self.machine.run("journalctl", "--no-pager", "-n", "60", check=False).stdout
            error.add_note(log)
            raise

    def ask(self, name: str, unit: str = UNIT) -> str:
        """Return a property of the unit as systemd shows it."""
        return self.machine.out("systemctl", "show", "--property", name, "--value", unit)

    def wait_for(self, name: str, value: str, unit: str = UNIT, timeout: float = 15.0) -> None:
        """Wait until a property of the unit has this value."""
        wait_until(
            lambda: self.ask(name, unit) == value,
            timeout=timeout,
            what=f"{name} of {unit} is {value}",
            interval=0.1,
        )

    @property
    def pid(self) -> str:
        """The agent's process id inside the machine."""
        return self.ask("MainPID")

    def ssh(self) -> list[psutil.Process]:
        """Return the ssh clients on the machine."""
        return self.machine.processes("ssh")

    def wait_alone(self) -> None:
        """Wait until one ssh is all there is: beside it one may be asked for a moment."""
        wait_until(lambda: len(self.ssh()) == 1, what="one ssh and no other")

    def journal(self, *more: str, unit: str = UNIT) -> Sequence[dict[str, Any]]:
        """Return what the unit wrote to the journal, oldest first."""
        self.machine.run("journalctl", "--sync")
        output = self.machine.out("journalctl", "--unit", unit, "--output=json", *more)
        return [json.loads(line) for line in output.splitlines()]

    def words(self, unit: str = UNIT) -> str:
        """Return the messages of the unit's journal."""
        return "\n".join(str(entry["MESSAGE"]) for entry in self.journal(unit=unit))
