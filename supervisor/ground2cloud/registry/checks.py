"""What may be written into the registry. Everything comes from outside: agents, operators.

A key and a name end up in authorized_keys, maps and terminals, so both are held to a form in
which nothing of those can be expressed.
"""

import ipaddress
import math
import re
from collections.abc import Sequence

from ground2cloud.config.model import MOST_SERVICES, Kind
from ground2cloud.config.words import escape
from ground2cloud.registry.errors import RefusedError
from ground2cloud.registry.records import Grant

GRANTS = 1000
NETWORKS = 32
"""Source networks of one element: as many as the router compares (haproxy.routes.MOST_NETWORKS)."""
NAME = 64
"""Most characters of a registration's or an element's name."""

_MOST = 10**6  # connections, requests a second
_SERVICE_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}")  # as config.model.Service.name
_DIGEST = re.compile(r"[0-9A-F]{64}")
# 51 bytes are 68 characters without padding: the length and the text of the type, the length of
# the key (these make the part that is spelt out, to the bit) and its 32 bytes.
_ED25519 = re.compile(r"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI[A-P][A-Za-z0-9+/]{42}")


def check_name(name: str) -> str:
    """Return a registration's or an element's name, without spaces around it.

    Raises:
        RefusedError: bad-name.
    """
    stripped = name.strip()
    if not 0 < len(stripped) <= NAME or not stripped.isprintable():
        raise RefusedError("bad-name", f"a name has 1 to {NAME} printable characters")
    return stripped


def check_key(key: str) -> str:
    """Return a public key.

    Raises:
        RefusedError: bad-key.
    """
    if not _ED25519.fullmatch(key):
        raise RefusedError("bad-key", "expected a public key `ssh-ed25519 AAAA…` without comment")
    return key


def check_digest(text: str) -> str:
    """Return the SHA-256 of a secret.

    Raises:
        ValueError: it is none: a defect of the caller, which computed it.
    """
    if not _DIGEST.fullmatch(text):
        raise ValueError("expected a SHA-256 in upper-case hex")
    return text


def check_time(seconds: float) -> float:
    """Return a moment.

    Raises:
        RefusedError: bad-time, for what is no number of seconds.
    """
    if not math.isfinite(seconds):
        raise RefusedError("bad-time", "expected a time in seconds since the epoch")
    return seconds


def check_service_names(names: Sequence[str]) -> tuple[str, ...]:
    """Return names of services, each of them once.

    Raises:
        RefusedError: bad-service, too-many-services.
    """
    if len(names) > MOST_SERVICES:
        text = f"at most {MOST_SERVICES} services, got {len(names)}"
        raise RefusedError("too-many-services", text)
    for name in names:
        if not _SERVICE_NAME.fullmatch(name):
            text = "a service's name has up to 63 lower-case letters, digits, - and _"
            raise RefusedError("bad-service", text)
    if len(set(names)) != len(names):
        raise RefusedError("bad-service", "two services have the same name")
    return tuple(names)


def check_services(services: Sequence[tuple[str, Kind]], allowed: Sequence[str]) -> dict[str, Kind]:
    """Return services by name, in their order; all of them `allowed`, unless that is empty.

    Raises:
        RefusedError: bad-service, too-many-services, service-not-allowed.
    """
    names = check_service_names([name for name, _ in services])
    if allowed and (strange := [name for name in names if name not in allowed]):
        raise RefusedError(
            "service-not-allowed",
            f"the invite doesn't allow a service {strange[0]}",
            f"allowed are: {', '.join(allowed)}",
        )
    return {name: Kind(kind) for name, kind in services}


def check_networks(networks: Sequence[str]) -> tuple[str, ...]:
    """Return networks as HAProxy reads them, each of them once: `10.0.0.0/8`, `2001:db8::/32`.

    Raises:
        RefusedError: bad-network.
    """
    if len(networks) > NETWORKS:
        raise RefusedError("bad-network", f"at most {NETWORKS} networks, got {len(networks)}")
    return tuple(dict.fromkeys(_check_network(text) for text in networks))


def _check_network(text: str) -> str:
    shown = escape(text[:NAME])
    try:
        network = ipaddress.ip_network(text)
    except ValueError as error:
        reason = escape(str(error)[:200])
        raise RefusedError("bad-network", f"{shown} is no network: {reason}") from None
    if getattr(network.network_address, "scope_id", None):
        raise RefusedError("bad-network", f"{shown} is no network that a router can see")
    return str(network)


def check_limit(number: int | None, what: str) -> int | None:
    """Return a limit.

    Raises:
        RefusedError: bad-limit.
    """
    if number is not None and not 0 < number <= _MOST:
        raise RefusedError("bad-limit", f"{what}: expected 1..{_MOST}")
    return number


def check_grants(grants: Sequence[Grant]) -> tuple[Grant, ...]:
    """Return grants, each of them once; whether they lead anywhere is not checked here.

    Raises:
        RefusedError: bad-grant.
    """
    if not 0 < len(grants) <= GRANTS:
        raise RefusedError("bad-grant", f"an element has 1 to {GRANTS} grants")
    return tuple(dict.fromkeys(grants))


def clip(text: str | None, length: int) -> str | None:
    """Return what an agent said, escaped, so that it can be stored, shown and logged."""
    return None if text is None else escape(text[:length])[:length]
