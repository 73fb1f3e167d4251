"""What `register`, `unregister` and `rotate-key` do, and what they say about it."""

import asyncio
import os
import sys
from pathlib import Path
from typing import NamedTuple

import click

from ground2cloud.backchannel.errors import UnreachableError
from ground2cloud.cli.first_config import is_about, write_first
from ground2cloud.cli.running import config_path, find_agent
from ground2cloud.cli.settings import Settings
from ground2cloud.config.identity import Identity
from ground2cloud.config.join import Join, decode
from ground2cloud.config.load import load_agent
from ground2cloud.config.locations import Locations, locate
from ground2cloud.config.model import AgentConfig
from ground2cloud.errors import ConfigError, Ground2CloudError
from ground2cloud.logs.escape import printable
from ground2cloud.roles.registration.joining import join_gateway, leave_gateway
from ground2cloud.roles.registration.placing import NOT_REGISTERED, REGISTER_HINT
from ground2cloud.roles.registration.rotating import rotate
from ground2cloud.roles.registration.store import Store

_LIMIT = 500


class _Site(NamedTuple):
    """The agent that a command is about."""

    path: Path
    config: AgentConfig
    places: Locations
    store: Store


def join(
    settings: Settings, text: str, name: str, services: tuple[str, ...], *, force: bool
) -> None:
    """Register, and say what came of it."""
    asked = _join(text)
    path = config_path(settings)
    if first := not path.exists():
        write_first(path, services)
    elif services and not is_about(load_agent(path), services):
        hint = "write what it lacks as [[service]] into it, and leave --service out"
        raise Ground2CloudError(f"{path} is there already, with other services", hint)
    try:
        identity = _join_as(_site(settings), asked, name, force=force)
    except Ground2CloudError:
        if first:  # or the same command, corrected, would find another file
            path.unlink(missing_ok=True)
        raise
    if first:
        _say(f"wrote {path}")
    _say(f"registered as {identity.registration}{_named(identity)} at {asked.host}")
    for each in identity.service:
        _say(f"  {each.name}: port {each.port}")
    if not identity.service:
        _say(f"  no service yet: add a [[service]] to {path}, and it gets a port by itself")
    _say_who_goes_on(settings)


def _join_as(site: _Site, asked: Join, name: str, *, force: bool) -> Identity:
    with site.store.commanding():
        if not force:
            _require_no_other(site.store)
        return asyncio.run(join_gateway(site.store, asked, site.config.service, name=name))


def leave(settings: Settings, *, force: bool) -> None:
    """Give the registration up, and say whether the gateway knows."""
    site = _site(settings)
    with site.store.commanding():
        identity = _identity(site.store)
        try:
            told = asyncio.run(leave_gateway(site.store, identity, force=force))
        except UnreachableError as error:
            hint = "--force gives the registration up on this machine alone"
            raise Ground2CloudError(
                error.message, f"{error.hint}; {hint}" if error.hint else hint
            ) from None
    number = identity.registration
    _say(f"registration {number} is given up")
    if not told:
        end = f"ground2cloud gateway revoke {number}"
        _say(f"  the gateway could not be told: its operator can end it there with {end}")


def renew_key(settings: Settings) -> None:
    """Rotate the key, and say which it is."""
    site = _site(settings)
    with site.store.commanding():
        identity = asyncio.run(rotate(site.store, site.config, site.places))
    key = site.store.state / identity.key
    _say(f"registration {identity.registration} has a new key, {key}")


def _site(settings: Settings) -> _Site:
    path = config_path(settings)
    config = load_agent(path)
    if config.gateway is not None:
        raise Ground2CloudError(
            f"{path} says where the gateway is, so a registration would not be used",
            "remove [gateway] from it, and remote_port and remote_bind of every service",
        )
    places = locate(config, path, os.environ)
    return _Site(path, config, places, Store(places.state))


def _join(text: str) -> Join:
    if text == "-":
        text = sys.stdin.read(4000)
    try:
        return decode(text)
    except ValueError as error:
        raise Ground2CloudError(
            str(error), "the gateway's operator makes one with: ground2cloud gateway invite"
        ) from None


def _require_no_other(store: Store) -> None:
    try:
        identity = store.read()
    except ConfigError as error:
        raise Ground2CloudError(error.message, "--force replaces it") from None
    if identity is not None:
        raise Ground2CloudError(
            f"this machine is registration {identity.registration}{_named(identity)}"
            f" of {identity.backchannel.host} already",
            "--force replaces it once the new one is complete; ground2cloud unregister ends it",
        )


def _identity(store: Store) -> Identity:
    identity = store.read()
    if identity is None:
        raise Ground2CloudError(NOT_REGISTERED, REGISTER_HINT)
    return identity


def _named(identity: Identity) -> str:
    return f" ({identity.name})" if identity.name else ""


def _say_who_goes_on(settings: Settings) -> None:
    try:
        find_agent(settings).status()
    except Ground2CloudError:
        option = f" --config {settings.config}" if settings.config else ""
        _say(f"start the agent with: ground2cloud run{option}")
    else:
        _say("the running agent takes it up now: ground2cloud status")


def _say(line: str) -> None:
    click.echo(printable(line, _LIMIT))
