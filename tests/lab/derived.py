"""What a gateway derives from its registry, beside what it should."""

import asyncio
from pathlib import Path
from typing import NamedTuple

from ground2cloud.haproxy import maps
from ground2cloud.haproxy.maps import Entries
from ground2cloud.haproxy.routes import Backend, Endpoint, RouterSettings
from ground2cloud.haproxy.runtime import Runtime
from ground2cloud.haproxy.wire import RuntimeSocketError
from ground2cloud.registry.records import SLOTS
from ground2cloud.registry.store import Registry


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
    """What should be, worked out without the gateway's own derivation."""
    active = [each for each in registry.registrations() if each.revoked_at is None]
    backends = [
        Backend(each.id, service.name, service.kind, service.port, ())
        for each in active
        for service in each.services
    ]
    entries = maps.entries(SLOTS, backends, [])
    keys = [f"{key} g2c-{each.id}" for each in active for key in (each.key, each.next_key) if key]
    return Derived(sorted(keys), entries[maps.NAMES], _without_slots(entries[maps.ROUTES]))


def _without_slots(routes: Entries) -> Entries:
    return {route: value.rpartition(maps.SEPARATOR)[0] for route, value in routes.items()}
