"""Everything there is in a soak, and what the configuration says at this moment."""

import random
import shutil
import tomllib
from pathlib import Path
from typing import Any

import tomli_w

from tests.lab.agent import Agent, service, write_config
from tests.lab.httpapp import HttpApp
from tests.lab.ports import free_port
from tests.lab.sshd import ThrowawaySshd
from tests.soak.saves import WAYS

APPLICATIONS = ("red", "green", "blue")
MOST_SERVICES = 6

SECTIONS: dict[str, dict[str, Any]] = {
    # Dead links are noticed in 2 s, so that a soak has many of them.
    "ssh": {"server_alive_interval": 1, "server_alive_count_max": 1, "connect_timeout": 3},
    "backoff": {"initial": 0.1, "maximum": 1.0, "reset_after": 2.0},
    # Rotates often, and keeps everything for the look at the end.
    "log": {"max_size": 10_000, "keep": 100},
}


class World:
    """The sshd, three applications and the agent, and the configuration as tables.

    The service `stable` leads to the first application and is never changed; `expected` says what
    answers where once the configuration of now is applied.
    """

    def __init__(
        self, sshd: ThrowawaySshd, applications: list[HttpApp], directory: Path, luck: random.Random
    ) -> None:
        self.sshd = sshd
        self.applications = applications
        self.directory = directory
        self.luck = luck
        self.down: set[str] = set()
        self.paused: set[str] = set()
        self._number = 0
        self.identity = directory / "id"
        self.key = sshd.identity_file
        self.install_key(self.key)
        services = [service(applications[0].port, free_port(), name="stable")]
        sections = {**SECTIONS, "gateway": {"identity_file": str(self.identity)}}
        config = write_config(directory, sshd, services, **sections)
        self.tables: dict[str, Any] = tomllib.loads(config.read_text("utf-8"))
        self.initial = config.read_text("utf-8")
        self.add_service()
        self.add_service()
        self.initial = self.text()
        config.write_text(self.initial, "utf-8")
        self.agent = Agent(config)

    # What is configured -----------------------------------------------------------------------

    @property
    def services(self) -> list[dict[str, Any]]:
        """The `[[service]]` tables, `stable` first."""
        services: list[dict[str, Any]] = self.tables["service"]
        return services

    @property
    def stable_port(self) -> int:
        """The port of the service that never changes."""
        return int(self.services[0]["remote_port"])

    def changing(self) -> dict[str, Any]:
        """Pick one of the other services."""
        return self.luck.choice(self.services[1:])

    def expected(self) -> dict[int, str]:
        """Return which application is to answer on which port; without those that are down."""
        names = {app.port: app.name for app in self.applications}
        return {
            one["remote_port"]: names[one["port"]]
            for one in tuple(self.services)
            if one["name"] not in self.paused and names[one["port"]] not in self.down
        }

    def add_service(self) -> None:
        """Configure one more, to any application."""
        self._number += 1
        port = self.luck.choice(self.applications).port
        self.services.append(service(port, free_port(), name=f"service-{self._number}"))

    def reset(self) -> None:
        """Configure what was at the start."""
        self.tables = tomllib.loads(self.initial)

    # What is on the disk ----------------------------------------------------------------------

    def text(self) -> str:
        """Return the configuration as the file has it."""
        return tomli_w.dumps(self.tables)

    def save(self, text: str | None = None) -> str:
        """Save the configuration of now, or `text`, in any of the ways; return which."""
        way = self.luck.choice(WAYS)
        way(self.agent.config, self.text() if text is None else text)
        return way.__name__

    def install_key(self, key: Path) -> None:
        """Put a copy of a private key where the configuration names it."""
        new = self.identity.with_suffix(".new")
        shutil.copyfile(key, new)
        new.chmod(0o600)
        new.rename(self.identity)
