"""`ground2cloud gateway init`: a configuration to look through, the CAs, and what to do next."""

import os
from pathlib import Path

import click

from ground2cloud.cli.fill import fill
from ground2cloud.cli.gateway.opening import config_path, require_gateway, say
from ground2cloud.cli.settings import Settings, common_options
from ground2cloud.config.load import parse_gateway
from ground2cloud.config.locations import locate_gateway
from ground2cloud.config.sample import gateway_sample
from ground2cloud.errors import Ground2CloudError

_SAMPLE_HOST = "g2c.example.com"


@click.command()
@common_options
@click.option("--force", is_flag=True, help="Replace a configuration that is there already.")
@click.option("--host", help="The public name or address of this machine.")
@click.option("--user", help="Account to become when it is started as root.")
@click.pass_obj
def init(settings: Settings, *, force: bool, host: str | None, user: str | None) -> None:
    """Write a configuration, and the keys by which agents will know this gateway.

    Keys and registrations that are there already are kept.
    """
    require_gateway()
    from ground2cloud.roles.gateway import initialise, system  # noqa: PLC0415 - or --help loads it

    path = config_path(settings).absolute()
    if path.exists() and not force:
        raise Ground2CloudError(
            f"{path} is there already", "--force replaces it; --config names another file"
        )
    given = {"host": host or _SAMPLE_HOST, **({"user": user} if user else {})}
    text = fill(gateway_sample(), "[gateway]", given)
    config = parse_gateway(text, file=path.name, directory=path.parent)
    change = system.must_change(user)
    places = locate_gateway(config, path, os.environ)
    if change and user:
        for directory in (places.state, places.log_file.parent):
            system.reach(directory, user)
    _write(path, text, user if change else None)
    say(f"wrote {path}")
    made = initialise.initialise(config, places, become=user if change else None)
    say(f"keys and registry: {places.state} (keep a backup: agents know the gateway by its keys)")
    say(f"the gateway's pin: {made.pin}")
    _explain(path, named=settings.config is not None, host=host)


def _write(path: Path, text: str, user: str | None) -> None:
    from ground2cloud.roles.gateway import initialise  # noqa: PLC0415 - as above

    try:
        initialise.write_config(path, text, readable_for=user)
    except OSError as error:
        raise Ground2CloudError(f"can't write {path}: {error.strerror or error}") from None


def _explain(path: Path, *, named: bool, host: str | None) -> None:
    with_config = f", each with --config {path}" if named else ""
    say("")
    say(f"Next, on this machine{with_config}:")
    name = "" if host else ", and set host to this machine's public name"
    say(f"  1. look through {path}{name}")
    say("  2. ground2cloud gateway check     says whether it is good, and its ports free")
    say("  3. ground2cloud gateway run       runs it, for as long as this terminal is open")
    say("  4. ground2cloud gateway invite    in another terminal: prints the line that lets an")
    say("                                    agent register")
