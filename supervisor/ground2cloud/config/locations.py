"""Where things are: the configuration file, and what belongs to the agent that it describes.

What the file says comes first. Then what systemd says to a service it starts (RUNTIME_DIRECTORY
and its kin). Then it depends on where the file is: one in the service's directory is a service's
(`NAME.toml` beside `agent.toml` is a further one's), every other one the current user's.
"""

import contextlib
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ground2cloud.config import places, source
from ground2cloud.config.directories import (
    CONFIGURATION_NAME,
    GATEWAY_LOG_NAME,
    LOG_NAME,
    Directories,
    instance_of,
    personal,
)
from ground2cloud.errors import ConfigError

if TYPE_CHECKING:
    from ground2cloud.config.gateway_model import GatewayConfig
    from ground2cloud.config.model import AgentConfig


KEY_NAME = "id_ed25519"
"""The first key of a registered agent, in its state directory; `identity.toml` names the newest."""

_PATHS = re.compile(r"^[ \t]*\[[ \t]*paths[ \t]*\].*(?:\n(?![ \t]*\[).*)*", re.MULTILINE)
"""The table of places in the text of a file: up to the next line that begins with a bracket."""


@dataclass(frozen=True, slots=True)
class Locations:
    """Where an agent's things are; all absolute, none looked at yet.

    `state` outlives a reboot, `run` is of use only while the agent runs. `known_hosts` is None
    when the configuration has the host key itself.
    """

    state: Path
    run: Path
    log_file: Path
    identity_file: Path
    known_hosts: Path | None


@dataclass(frozen=True, slots=True)
class GatewayLocations:
    """Where a gateway's things are; all absolute, none looked at yet.

    `directory` is the configuration file's. `state` outlives a reboot, `run` is of use only while
    the gateway runs. `certificate` is the router's, None where it has none.
    """

    directory: Path
    state: Path
    run: Path
    log_file: Path
    certificate: Path | None


def default_config(name: str = CONFIGURATION_NAME) -> Path:
    """Answer with the configuration file to use when none is named.

    The user's if it is there, else the service's if it is there, else where the user's would be;
    for root or an administrator the service's comes first in both. `name` is that of the file.
    """
    return choose_config(
        personal().configuration / name,
        places.service().configuration / name,
        administrator=places.is_administrator(),
    )


def choose_config(user: Path, service: Path, *, administrator: bool) -> Path:
    """Choose between the two as `default_config` says."""
    candidates = (service, user) if administrator else (user, service)
    return next((path for path in candidates if _exists(path)), candidates[0])


def _exists(path: Path) -> bool:
    try:
        path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError:
        return True  # it is there, but not for us: reading it will say so
    return True


def locate(config: "AgentConfig", path: Path, environ: Mapping[str, str]) -> Locations:
    """Answer with the places of the agent that the file at `path` configures.

    Args:
        config: what the file says. Relative paths in it begin at the file's directory.
        path: the file, as it was named; a link is not followed.
        environ: the environment, for what systemd says.
    """
    directory = path.absolute().parent
    base = _base(path)
    gateway = config.gateway
    state = (
        _from_file(config.paths.state, directory)
        or _from_systemd(environ, "STATE_DIRECTORY")
        or base.state
    )
    logs = _from_systemd(environ, "LOGS_DIRECTORY") or base.logs
    return Locations(
        state=state,
        run=_run(config.paths.run, directory, environ, base),
        log_file=_from_file(config.log.file, directory) or logs / LOG_NAME,
        identity_file=state / KEY_NAME
        if gateway is None
        else directory / os.path.expanduser(gateway.identity_file),  # noqa: PTH111 - Path raises
        known_hosts=None if gateway is None else _from_file(gateway.known_hosts, directory),
    )


def locate_gateway(
    config: "GatewayConfig", path: Path, environ: Mapping[str, str]
) -> GatewayLocations:
    """Answer with the places of the gateway that the file at `path` configures, as `locate` does.

    A gateway that is a service is a further instance called gateway; one that is a person's is
    below that person's agent. So both may run on one machine.
    """
    directory = path.absolute().parent
    base = _base(path, gateway=True)
    logs = _from_systemd(environ, "LOGS_DIRECTORY") or base.logs
    return GatewayLocations(
        directory=directory,
        state=_from_file(config.paths.state, directory)
        or _from_systemd(environ, "STATE_DIRECTORY")
        or base.state,
        run=_run(config.paths.run, directory, environ, base),
        log_file=_from_file(config.log.file, directory) or logs / GATEWAY_LOG_NAME,
        certificate=_from_file(config.router.certificate, directory),
    )


def run_directory(path: Path, environ: Mapping[str, str], *, gateway: bool = False) -> Path:
    """Answer with the `run` of a file that may be broken, unreadable or missing.

    The commands find the running agent or gateway there, which may have started before the file
    broke.
    """
    directory = path.absolute().parent
    return _run(_peek_run(path), directory, environ, _base(path, gateway=gateway))


def _peek_run(path: Path) -> str | None:
    try:
        # A line of Windows cut off before its LF would be no TOML.
        text = source.read(path).replace("\r\n", "\n")
    except ConfigError:
        return None
    # A file that was broken in the middle of an edit still has this table, most likely whole.
    table = _PATHS.search(text)
    for part in (text, table[0] if table else ""):
        with contextlib.suppress(ConfigError):
            match source.parse(part, path.name):
                case {"paths": {"run": str(run)}} if run and run.isprintable():
                    return run
                case _:
                    return None
    return None


def _run(text: str | None, directory: Path, environ: Mapping[str, str], base: Directories) -> Path:
    return _from_file(text, directory) or _from_systemd(environ, "RUNTIME_DIRECTORY") or base.run


def _base(path: Path, *, gateway: bool = False) -> Directories:
    service = places.service()
    directory = path.absolute().parent
    # realpath: /etc may be reached through a link, and unlike Path.resolve it never raises.
    if os.path.realpath(directory) != os.path.realpath(service.configuration):
        return personal().of_gateway() if gateway else personal()
    instance = instance_of(path)
    return service.of_instance(instance) if instance else service


def _from_file(text: str | None, directory: Path) -> Path | None:
    if text is None:
        return None
    return directory / os.path.expanduser(text)  # noqa: PTH111 - Path raises for an unknown home


def _from_systemd(environ: Mapping[str, str], name: str) -> Path | None:
    """Read one of systemd's variables: absolute paths with colons between them; the first one."""
    first = Path(environ.get(name, "").partition(":")[0])
    return first if first.is_absolute() else None
