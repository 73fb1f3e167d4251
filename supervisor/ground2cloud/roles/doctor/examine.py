"""The whole chain, link by link, as the findings come in."""

import dataclasses
import os
from collections.abc import AsyncIterator
from pathlib import Path

from ground2cloud.applications.probe import probe
from ground2cloud.config.identity import Identity
from ground2cloud.config.load import load_agent
from ground2cloud.config.locations import Locations, locate
from ground2cloud.config.model import AgentConfig, Service
from ground2cloud.errors import ConfigError
from ground2cloud.roles.doctor import local, login, network, registration
from ground2cloud.roles.doctor.finding import (
    NO_SERVICE,
    NOT_TRIED,
    Finding,
    Result,
    bad,
    good,
    timed,
    unknown,
)
from ground2cloud.roles.registration.placing import placed
from ground2cloud.roles.registration.store import Store
from ground2cloud.web.messages import Status

_APPLICATION_TIMEOUT = 5.0


async def examine(path: Path, status: Status | None) -> AsyncIterator[Finding]:
    """Walk the chain of the configuration at `path`.

    Args:
        path: the configuration file.
        status: of the agent that runs on it; None if none does.
    """
    try:
        config = load_agent(path)
    except ConfigError as error:
        yield bad("configuration", error.message, error.hint or f"edit {path}")
        steps = ("ssh", "settings", "key", "files", *network.STEPS, *login.STEPS, "application")
        for step in steps:
            yield unknown(step, NOT_TRIED)
    else:
        yield good("configuration", f"{path} is good")
        places = locate(config, path, os.environ)
        async for finding in _gateway(config, path, places, status):
            yield finding
        for service in config.service:
            yield await timed(_application(service))
    yield local.look_at_clock()


async def _gateway(
    config: AgentConfig, path: Path, places: Locations, status: Status | None
) -> AsyncIterator[Finding]:
    """Walk to the gateway. What only ssh can prove is tried when all that it needs is there."""
    needed = [await timed(local.look_for_ssh(config))]
    yield needed[0]
    identity = None
    if config.gateway is None:
        finding, identity = registration.look_at_identity(places)
        yield finding
        if identity is None:
            steps = ("settings", "key", "files", *network.STEPS, *login.STEPS, "backchannel")
            for step in steps:
                yield unknown(step, NOT_TRIED)
            return
        config, places = placed(config, identity), _with_identity(places, identity)
    if needed[0].result is Result.BAD or not config.service:
        why = NOT_TRIED if config.service else NO_SERVICE
        needed.append(unknown("settings", why))
    else:
        needed.append(await timed(login.look_at_settings(config, places, identity)))
    yield needed[-1]
    needed.append(await timed(local.look_at_key(config, places)))
    yield needed[-1]
    yield local.look_at_files(path, places)
    walk = network.walk(config) if identity is None else _walk(config, identity)
    async for finding in walk:
        yield finding
        needed.append(finding)
    broken = any(finding.result is Result.BAD for finding in needed)
    if status is not None:
        found = login.read_status(config, status)
    elif broken or not config.service:
        why = NOT_TRIED if broken else NO_SERVICE
        found = [unknown(step, why) for step in login.STEPS]
    else:
        found = await login.log_in(config, places, identity)
    for finding in found:
        yield finding
    if identity is not None:
        yield await timed(registration.look_at_backchannel(places, identity))


def _walk(config: AgentConfig, identity: Identity) -> AsyncIterator[Finding]:
    return network.walk_endpoints(config, identity.endpoint)


def _with_identity(places: Locations, identity: Identity) -> Locations:
    store = Store(places.state)
    key = store.state / identity.key
    return dataclasses.replace(places, identity_file=key, known_hosts=store.known_hosts)


async def _application(service: Service) -> Finding:
    where = f"{service.host} port {service.port}"
    answer = await probe(service.kind, service.host, service.port, timeout=_APPLICATION_TIMEOUT)
    message = f"{service.name} at {where}: {answer.detail}"
    if answer.ok:
        return good("application", message)
    hint = f"start it there, or mend host, port and kind of the service {service.name}"
    return bad("application", message, hint)
