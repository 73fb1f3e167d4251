"""What every command of the gateway's operator needs: its configuration, registry and audit log."""

import contextlib
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ground2cloud.cli.settings import ENVIRONMENT, Settings
from ground2cloud.config.directories import GATEWAY_NAME
from ground2cloud.config.load import load_gateway
from ground2cloud.config.locations import (
    GatewayLocations,
    default_config,
    locate_gateway,
    run_directory,
)
from ground2cloud.core.clock import wall
from ground2cloud.errors import EXIT_CONFIG, Ground2CloudError
from ground2cloud.logs.escape import printable
from ground2cloud.web.client import NotRunningError
from ground2cloud.web.gateway_client import GatewayClient

if TYPE_CHECKING:
    from ground2cloud.config.gateway_model import GatewayConfig
    from ground2cloud.registry.audit import Audit, Value
    from ground2cloud.registry.store import Registry

_LIMIT = 1000
_EXTRA = ("alembic", "cryptography", "prometheus_client", "sqlalchemy")

EXTRA_HINT = "from the top of a checkout: {python} -m pip install '.[gateway]'"
"""How the packages come to the `python` that lacks them: the program is in no package registry."""


class MissingPackagesError(Ground2CloudError):
    """The program was installed without what only a gateway needs."""

    exit_code = EXIT_CONFIG


def config_path(settings: Settings) -> Path:
    """Answer with the file of `--config`, else of the environment, else the usual one."""
    named = settings.config or os.environ.get(ENVIRONMENT)
    return Path(named) if named else default_config(GATEWAY_NAME)


def find_gateway(settings: Settings) -> GatewayClient:
    """Answer with a way to ask the gateway that runs on this configuration, broken or not.

    Raises:
        NotRunningError: there is none.
    """
    path = config_path(settings)
    option = f" --config {path}" if settings.config else ""
    run_dir = run_directory(path, os.environ, gateway=True)
    try:
        return GatewayClient.from_run_dir(run_dir, run=f"ground2cloud gateway run{option}")
    except NotRunningError as error:
        hint = error.hint
        if not path.exists():
            hint = f"there is no such file yet; write one with: ground2cloud gateway init{option}"
        raise NotRunningError(f"the gateway of {path} is not running", hint) from None


@dataclass(frozen=True, slots=True)
class Office:
    """Where an operator's command works.

    Args:
        path: the configuration file.
        config: what it says.
        places: where things are.
        registry: open.
        audit: the audit log.
    """

    path: Path
    config: "GatewayConfig"
    places: GatewayLocations
    registry: "Registry"
    audit: "Audit"

    def note(self, act: str, **fields: "Value") -> None:
        """Write an administrative act to the audit log."""
        from ground2cloud.roles.gateway import system  # noqa: PLC0415 - POSIX alone has it

        if not self.audit.write(act, wall(), operator=system.current(), **fields):
            say(f"warning: {self.audit.trouble}", err=True)

    def tell(self, registration: int | None = None) -> None:
        """Have the running gateway act on a change at once, if one runs."""
        try:
            client = GatewayClient.from_run_dir(self.places.run)
            answer = client.refresh(registration)
        except NotRunningError:
            say("the gateway does not run; it is in force when it is started", err=True)
        except Ground2CloudError as error:
            say(f"warning: {error.message}; the gateway looks by itself every second", err=True)
        else:
            if not answer.ok:
                raise Ground2CloudError(answer.message, answer.hint)


@contextlib.contextmanager
def office(settings: Settings) -> Iterator[Office]:
    """Open everything, as the account that the gateway runs as.

    Raises:
        ConfigError: the configuration can't be used.
        Ground2CloudError: it can't be done here.
    """
    require_gateway()
    from ground2cloud.roles.gateway import foundation, system  # noqa: PLC0415 - the same

    path = config_path(settings)
    config = load_gateway(path)
    places = locate_gateway(config, path, os.environ)
    if system.must_change(config.gateway.user):
        assert config.gateway.user is not None
        system.reach(places.state, config.gateway.user)
        system.become(config.gateway.user)
    registry = foundation.open_registry(config, places)
    try:
        yield Office(path, config, places, registry, foundation.open_audit(places))
    finally:
        registry.close()


def require_gateway() -> None:
    """Check that this program can be a gateway.

    Raises:
        Ground2CloudError: not on this system, or packages are missing.
    """
    from importlib.util import find_spec  # noqa: PLC0415 - --help does without

    if os.name != "posix":
        raise Ground2CloudError("a gateway runs on Linux", "agents run on Windows too")
    missing = [name for name in _EXTRA if find_spec(name) is None]
    if missing:
        raise MissingPackagesError(
            f"packages that a gateway needs are missing: {', '.join(missing)}",
            EXTRA_HINT.format(python=sys.executable),
        )


def say(line: str, *, err: bool = False) -> None:
    """Print a line, safe for every terminal."""
    click.echo(printable(line, _LIMIT), err=err)
