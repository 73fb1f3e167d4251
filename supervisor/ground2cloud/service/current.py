"""The service that this very installation of the program would be."""

import contextlib
import stat
import sys
from pathlib import Path

import ground2cloud
from ground2cloud.config import places
from ground2cloud.config.directories import (
    APPLICATION,
    CONFIGURATION_NAME,
    GATEWAY,
    GATEWAY_NAME,
    INSTANCE,
    Directories,
    personal,
)
from ground2cloud.config.load import load_agent, load_gateway
from ground2cloud.config.locations import locate, locate_gateway
from ground2cloud.errors import ConfigError, Ground2CloudError
from ground2cloud.service import system
from ground2cloud.service.context import Context

_FIRST = CONFIGURATION_NAME.removesuffix(".toml")
_DEFAULT_KEY = "id_ed25519"

GATEWAY_ACCOUNT = f"{APPLICATION}-{GATEWAY}"
"""The account of a gateway whose configuration names none. Not the agent's, which has no shell."""


def context(instance: str = "", *, personally: bool = False) -> Context:
    """Describe the service of this machine, or of this user, that runs this program.

    Raises:
        Ground2CloudError: the name of the instance can't be one.
    """
    if instance and (not INSTANCE.fullmatch(instance) or instance in {_FIRST, GATEWAY}):
        raise Ground2CloudError(
            f'an instance can\'t be called "{instance}"',
            "take up to 32 lower-case letters, digits, - and _, and not agent or gateway",
        )
    directories = personal() if personally else places.service()
    config = directories.configuration / (f"{instance}.toml" if instance else CONFIGURATION_NAME)
    if instance:
        directories = directories.of_instance(instance)
    keys, readable = _own_files(config, directories)
    return Context(
        program=program(),
        config=config,
        directories=directories,
        instance=instance,
        keys=keys,
        readable=readable,
        inherited=_inherited(directories.state),
    )


def gateway_context() -> Context:
    """Describe the gateway of this machine as a service that runs this program.

    It runs as the account that its configuration names. The group is the agent's, so that both may
    be on one machine and read what is theirs in the one directory of configurations.
    """
    directories = places.service().of_instance(GATEWAY)
    config = directories.configuration / GATEWAY_NAME
    user, readable = GATEWAY_ACCOUNT, tuple[Path, ...]()
    with contextlib.suppress(ConfigError):
        found = load_gateway(config)
        user = found.gateway.user or user
        certificate = locate_gateway(found, config, {}).certificate
        if certificate is not None and certificate.parent == directories.configuration:
            readable = (certificate,)
    return Context(
        program=program(),
        config=config,
        directories=directories,
        user=user,
        group=APPLICATION,
        readable=readable,
        gateway=True,
    )


def program() -> tuple[str, ...]:
    """Answer with the command that runs this installation, wherever it is called from."""
    beside = Path(sys.executable).with_name("ground2cloud" + Path(sys.executable).suffix)
    for path in (beside, Path(sys.argv[0])):
        if path.stem == "ground2cloud" and path.is_file():
            return (str(path.absolute()),)
    # -P: whatever lies in the directory where it is started must not be taken for a module.
    return (sys.executable, "-P", "-m", "ground2cloud")


def require_reachable(context: Context) -> None:
    """Make sure that an account without rights can run the program.

    Raises:
        Ground2CloudError: it lies where only its owner may look.
    """
    code = Path(ground2cloud.__file__).parent
    for path in (Path(context.program[0]), Path(sys.executable), code):
        closed = system.closed_to_others(path)
        if closed is not None:
            raise Ground2CloudError(
                f"the service runs as an account of its own, which can't reach {path}"
                f" ({closed} is not for others)",
                "install ground2cloud where every account can run it: docs/install-linux.md"
                " and docs/install-windows.md say how",
            )


def _inherited(state: Path) -> dict[Path, int]:
    """The files in a state directory, with their permissions; none that we may not look at.

    What begins with a dot is on its way to its own name.
    """
    with contextlib.suppress(OSError):
        modes = {path: path.lstat().st_mode for path in sorted(state.glob("[!.]*"))}
        return {path: stat.S_IMODE(mode) for path, mode in modes.items() if stat.S_ISREG(mode)}
    return {}


def _own_files(config: Path, directories: Directories) -> tuple[tuple[Path, ...], tuple[Path, ...]]:
    """The key and the known_hosts file in the configuration's directory."""
    try:
        found = locate(load_agent(config), config, {})
    except ConfigError:
        return (directories.configuration / _DEFAULT_KEY,), ()
    named = ([found.identity_file], [found.known_hosts] if found.known_hosts else [])
    keys, readable = (
        tuple(path for path in paths if path.parent == directories.configuration) for paths in named
    )
    return keys, readable
