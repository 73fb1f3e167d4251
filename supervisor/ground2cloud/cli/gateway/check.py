"""`ground2cloud gateway check`: is the configuration good, and is there what it needs?"""

import asyncio
import os
from pathlib import Path
from typing import TYPE_CHECKING

import click
import msgspec

from ground2cloud.cli.gateway.opening import config_path, require_gateway, say
from ground2cloud.cli.settings import Settings, common_options
from ground2cloud.config.load import load_gateway
from ground2cloud.config.locations import locate_gateway
from ground2cloud.config.source import fault
from ground2cloud.errors import EXIT_FAILURE, ConfigError, Ground2CloudError, Problem
from ground2cloud.web.client import NotRunningError
from ground2cloud.web.gateway_client import GatewayClient

if TYPE_CHECKING:
    from ground2cloud.config.gateway_model import GatewayConfig


class _Result(msgspec.Struct):
    ok: bool
    file: str
    problems: tuple[Problem, ...] = ()
    missing: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


@click.command()
@common_options
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
@click.pass_obj
def check(settings: Settings, *, as_json: bool) -> int:
    """Say whether the configuration file is good, and whether sshd and HAProxy are there.

    Names everything that is wrong. The exit code is 78 if the file can't be used, 1 if a program
    is missing. Warns of ports that others have while no gateway runs on this file.
    """
    require_gateway()
    from ground2cloud.roles.gateway.ports import lent_by_chance  # noqa: PLC0415 - or --help loads it
    from ground2cloud.roles.gateway.programs import missing  # noqa: PLC0415 - the same

    path = config_path(settings)
    try:
        config = load_gateway(path)
        _require_usable(config, path)
    except ConfigError as error:
        if not as_json:
            raise
        _print(_Result(ok=False, file=str(path), problems=error.problems))
        return error.exit_code
    lacks = asyncio.run(missing(config))
    warnings = tuple(filter(None, [*_in_the_way(config, path), lent_by_chance(config)]))
    if as_json:
        _print(_Result(ok=not lacks, file=str(path), missing=tuple(lacks), warnings=warnings))
    else:
        say(f"{path.name}: good")
        for line in warnings:
            say(f"warning: {line}", err=True)
        for line in lacks:
            say(f"missing: {line}", err=True)
    return EXIT_FAILURE if lacks else 0


def _require_usable(config: "GatewayConfig", path: Path) -> None:
    """Check what the file alone doesn't say: paths, and the account that is to have them."""
    from ground2cloud.roles.gateway import start, system  # noqa: PLC0415 - as above
    from ground2cloud.roles.gateway.foundation import RunFiles  # noqa: PLC0415 - as above
    from ground2cloud.roles.gateway.making import router_settings  # noqa: PLC0415 - as above

    places = locate_gateway(config, path, os.environ)
    try:
        router_settings(config, places, RunFiles(places.run))
    except ValueError as error:
        raise fault(path.name, "", str(error)) from None
    if places.certificate is not None and not places.certificate.exists():
        words = f"there is no file {places.certificate}"
        raise fault(path.name, "router.certificate", words)
    user = config.gateway.user
    if user and user != "root" and system.number() == 0:
        start.require_account(user, places, path)


def _in_the_way(config: "GatewayConfig", path: Path) -> list[str]:
    from ground2cloud.roles.gateway.ports import in_the_way  # noqa: PLC0415 - as above

    try:
        GatewayClient.from_run_dir(locate_gateway(config, path, os.environ).run).gateway()
    except NotRunningError:
        return in_the_way(config)
    except Ground2CloudError:
        return []  # it may be running, and have them itself
    return []


def _print(result: _Result) -> None:
    click.echo(msgspec.json.format(msgspec.json.encode(result), indent=2))
