"""From backends and keys to the router's maps. Pure.

    names.map   1001, postgres-1001 or 1001/postgres        1001/postgres
    routes.map  1001/postgres       port, kind, pool:       11081|postgresql|1_3
    keys.map    SHA-256 of a key    element, end, connections, rate, networks:
                                                            7|0|10|50|10.0.0.0/8,::1/128
    grants.map  SHA-256/1001 or SHA-256/1001/postgres       1
    plain.map   11081               1001/postgres

0 stands for no limit, an empty pool for no slot.
"""

import ipaddress
import math
from collections.abc import Iterable, Sequence

from ground2cloud.haproxy.routes import Backend, Key, pool

Entries = dict[str, str]

NAMES = "names.map"
ROUTES = "routes.map"
KEYS = "keys.map"
GRANTS = "grants.map"
PLAIN = "plain.map"

MAPS = (NAMES, ROUTES, KEYS, GRANTS, PLAIN)
"""In the order in which to change them when something is added; the other way round to remove."""

SEPARATOR = "|"


def entries(
    known_slots: Sequence[str], backends: Iterable[Backend], keys: Iterable[Key]
) -> dict[str, Entries]:
    """Return what stands in every map.

    Raises:
        ValueError: a route or a key twice, or a slot that is not known.
    """
    maps: dict[str, Entries] = {name: {} for name in MAPS}
    for backend in backends:
        route, names = backend.route, maps[NAMES]
        _add(maps[ROUTES], route, route_value(backend, known_slots))
        _add(maps[PLAIN], str(backend.port), route)
        names.setdefault(str(backend.registration), route)
        names[f"{backend.service}-{backend.registration}"] = route
        names[route] = route
    for key in keys:
        _add(maps[KEYS], key.key_hash, key_value(key))
        for registration, service in key.grants:
            maps[GRANTS][grant(key.key_hash, registration, service)] = "1"
    return maps


def route_value(backend: Backend, known_slots: Sequence[str]) -> str:
    """What `routes.map` says of a backend.

    Raises:
        ValueError: one of its slots is not known.
    """
    return SEPARATOR.join((str(backend.port), backend.kind, pool(backend.slots, known_slots)))


def key_value(key: Key) -> str:
    """What `keys.map` says of a key: its element alone where nothing else is limited."""
    if key.expires_at is key.connections is key.rate is None and not key.networks:
        return str(key.element)
    fields = (
        str(key.element),
        # Never early by a fraction, never late by more than a second.
        "0" if key.expires_at is None else str(max(1, math.ceil(key.expires_at))),
        str(key.connections or 0),
        str(key.rate or 0),
        ",".join(str(ipaddress.ip_network(network)) for network in key.networks),
    )
    return SEPARATOR.join(fields)


def element(value: str) -> int:
    """Whose key it is, by what `keys.map` says of it."""
    return int(value.partition(SEPARATOR)[0])


def grant(key_hash: str, registration: int, service: str | None) -> str:
    """The key in `grants.map` that opens a registration, or one service of it."""
    suffix = "" if service is None else f"/{service}"
    return f"{key_hash}/{registration}{suffix}"


def text(entries: Entries) -> str:
    """The content of a map's file."""
    return "".join(f"{key} {value}\n" for key, value in sorted(entries.items()))


def _add(entries: Entries, key: str, value: str) -> None:
    if entries.setdefault(key, value) != value:
        raise ValueError(f"twice: {key}")
