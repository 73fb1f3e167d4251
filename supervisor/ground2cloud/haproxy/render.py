"""From settings, backends and keys to the files of the router: pure.

The files stand in one directory; `haproxy.cfg` names the others relative to itself, so that the
same text is checked as a candidate and used in its place.
"""

import re
from collections.abc import Iterable, Mapping
from http import HTTPStatus
from pathlib import Path

from ground2cloud.haproxy import maps
from ground2cloud.haproxy.answers import FAULTS, HEADER, REFUSALS
from ground2cloud.haproxy.routes import (
    Backend,
    Endpoint,
    Key,
    PlainPorts,
    RouterSettings,
    Timeouts,
    Tls,
    check_path,
    pools,
)
from ground2cloud.rendering.templates import render as render_template

CONFIG = "haproxy.cfg"
LUA = "connect.lua"

HEAD_LIMIT = 8192
"""Bytes of a CONNECT's head; HAProxy takes 15 KiB of a request's head."""

ATTEMPT = 0.5
"""Seconds between two attempts to reach a lane that refuses."""


def render(
    settings: RouterSettings,
    backends: Iterable[Backend],
    keys: Iterable[Key],
) -> dict[str, str]:
    """Return the text of every file by its name.

    Args:
        settings: how it is set up.
        backends: where services are.
        keys: what opens them.

    Raises:
        ValueError: a route or a key twice, or a slot that `settings` doesn't have.
    """
    backends = tuple(backends)
    entries = maps.entries(settings.slots, backends, keys)
    return render_entries(settings, entries, {int(port) for port in entries[maps.PLAIN]})


def render_entries(
    settings: RouterSettings,
    entries: Mapping[str, maps.Entries],
    ports: Iterable[int],
) -> dict[str, str]:
    """Return the same, from what stands in every map.

    Args:
        settings: how it is set up.
        entries: of every map.
        ports: tunnel ports to listen on, where they are offered as they are.
    """
    files = {name: maps.text(entries[name]) for name in maps.MAPS}
    files[CONFIG] = _config(settings, ports)
    files[LUA] = _lua(settings)
    return files


def tls_socket(settings: RouterSettings, index: int) -> Path:
    """The Unix socket through which a shared port hands TLS on; `index` counts `settings.tls`."""
    return settings.runtime_socket.with_name(f"tls{index}.sock")


def _config(settings: RouterSettings, ports: Iterable[int]) -> str:
    times = settings.timeouts
    return render_template(
        "haproxy.cfg.j2",
        runtime_socket=_quoted(settings.runtime_socket),
        timeouts={name: _milliseconds(getattr(times, name)) for name in Timeouts.__slots__},
        attempt=_milliseconds(min(ATTEMPT, times.connect)),
        retries=max(1, round(times.connect / ATTEMPT)),
        connections=settings.connections or "",
        threads=settings.threads or "",
        access_log=settings.access_log or "",
        per_source=settings.connections_per_source,
        listen=settings.listen,
        tls_ports=[_tls(settings, index, tls) for index, tls in enumerate(settings.tls, start=1)],
        plain=_plain(settings.plain, ports) if settings.plain else {},
        pools=list(pools(settings.slots)),
        domain_pattern=_domain_pattern(settings),
        head_limit=HEAD_LIMIT,
        header=HEADER,
        faults=FAULTS,
        refusals=REFUSALS,
        unknown=next(fault for fault in FAULTS if fault.status == HTTPStatus.INTERNAL_SERVER_ERROR),
    )


def _lua(settings: RouterSettings) -> str:
    statuses = sorted({refusal.status for refusal in REFUSALS})
    return render_template(
        "connect.lua.j2",
        head_limit=HEAD_LIMIT,
        header=HEADER,
        refusals=REFUSALS,
        reasons=[(status, HTTPStatus(status).phrase) for status in statuses],
        domain_pattern=_domain_pattern(settings),
    )


def _domain_pattern(settings: RouterSettings) -> str:
    """What to cut off a host name to get the name of a route."""
    if settings.domain is None:
        return "^$"
    return "[.]" + re.sub(r"\.", "[.]", settings.domain) + "$"


def _tls(settings: RouterSettings, index: int, tls: Tls) -> dict[str, object]:
    return {
        "listen": tls.listen,
        "certificate": _quoted(tls.certificate) if tls.certificate else "",
        "sshd": tls.sshd or "",
        "socket": _quoted(tls_socket(settings, index)),
    }


def _plain(plain: PlainPorts, ports: Iterable[int]) -> dict[str, object]:
    numbers = sorted(set(ports))
    endpoints = [Endpoint(address, port) for address in plain.addresses for port in numbers]
    return {"endpoints": endpoints, "networks": plain.networks} if endpoints else {}


def _milliseconds(seconds: float) -> str:
    return f"{max(1, round(seconds * 1000))}ms"


def _quoted(path: Path) -> str:
    check_path(path)
    return f"'{path}'"
