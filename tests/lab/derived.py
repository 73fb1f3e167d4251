"""What a gateway derives from its registry, beside what it should."""

import asyncio
from pathlib import Path
from typing import NamedTuple

from ground2cloud.haproxy import maps
from ground2cloud.haproxy.maps import Entries
from ground2cloud.haproxy.routes import Endpoint, RouterSettings
from ground2cloud.haproxy.runtime import Runtime
from ground2cloud.haproxy.wire import RuntimeSocketError
from ground2cloud.registry.records import SLOTS
from ground2cloud.registry.store import Registry
from ground2cloud.roles.gateway import derive


class Derived(NamedTuple):
    """Keys that sshd lets in by their registration, and what the router leads where.

    Which slots are up is no registry's to know, so it is left out of the routes.
    """

    keys: list[str]
    names: Entries
    routes: Entries


def in_force(directory: Path) -> Derived:
    """What is in force, of the gateway whose files are in this directory.

    Raises:
        ConnectionError: the router does not answer.
    """
    run = directory / "run"
    runtime = Runtime(
        RouterSettings(runtime_socket=run / "router.sock", listen=(Endpoint("127.0.0.1", 1),))
    )
    lines = (run / "authorized_keys").read_text().splitlines()
    keys = sorted(" ".join(line.split()[-3:]) for line in lines if not line.startswith("#"))
    try:
        names, routes = (asyncio.run(runtime.show_map(n)) for n in (maps.NAMES, maps.ROUTES))
    except RuntimeSocketError as error:
        raise ConnectionError(error.message) from error
    return Derived(keys, names, _without_slots(routes))


def wanted(registry: Registry) -> Derived:
    """What should be."""
    registrations = registry.registrations()
    entries = maps.entries(SLOTS, derive.backends(registrations, frozenset()), [])
    grants = derive.key_grants(registrations)
    keys = sorted(f"{grant.key} g2c-{grant.registration}" for grant in grants)
    return Derived(keys, entries[maps.NAMES], _without_slots(entries[maps.ROUTES]))


def _without_slots(routes: Entries) -> Entries:
    return {route: value.rpartition(maps.SEPARATOR)[0] for route, value in routes.items()}
