"""The four directories of an installation, of a service or of a person."""

import re
from pathlib import Path
from typing import NamedTuple

APPLICATION = "ground2cloud"
CONFIGURATION_NAME = "agent.toml"
LOG_NAME = "agent.log"
GATEWAY_NAME = "gateway.toml"
GATEWAY_LOG_NAME = "gateway.log"
GATEWAY = "gateway"
"""Its files are a gateway's where those of an agent are those of an instance."""

INSTANCE = re.compile(r"[a-z0-9][a-z0-9_-]{0,31}")
"""What a further agent of one machine may be called; its configuration is `NAME.toml`."""


class Directories(NamedTuple):
    """Where an installation keeps what; all absolute."""

    configuration: Path
    state: Path
    run: Path
    logs: Path

    def of_instance(self, name: str) -> "Directories":
        """Answer with those of a further agent: the same configuration, the rest beside ours.

        Not below ours: systemd empties a service's run directory when that service stops.
        """
        state, run, logs = (path.with_name(f"{path.name}-{name}") for path in self[1:])
        return Directories(self.configuration, state, run, logs)

    def of_gateway(self) -> "Directories":
        """Answer with those of a gateway of the same user: below ours, which is the agent's."""
        state = self.state / GATEWAY
        return Directories(self.configuration, state, state / "run", self.logs)


def instance_of(path: Path) -> str:
    """Answer with the instance that a configuration file is for; empty for `agent.toml`."""
    named = path.suffix == ".toml" and path.name != CONFIGURATION_NAME
    return path.stem if named and INSTANCE.fullmatch(path.stem) else ""


def personal() -> Directories:
    """Answer with the current user's.

    `run` is below `state`, and not what the system offers for run-time files: that depends on the
    session (XDG_RUNTIME_DIR) and goes away with the last one, while the program runs on and
    commands from any session have to find it.
    """
    from platformdirs import PlatformDirs  # noqa: PLC0415 - services and --version do without

    found = PlatformDirs(APPLICATION, appauthor=False)
    state = found.user_state_path
    return Directories(found.user_config_path, state, state / "run", found.user_log_path)
