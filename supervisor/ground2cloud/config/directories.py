"""The four directories of an installation, of a service or of a person."""

from pathlib import Path
from typing import NamedTuple

APPLICATION = "ground2cloud"
CONFIGURATION_NAME = "agent.toml"
LOG_NAME = "agent.log"


class Directories(NamedTuple):
    """Where an installation keeps what; all absolute."""

    configuration: Path
    state: Path
    run: Path
    logs: Path


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
