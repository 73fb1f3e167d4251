"""Which ports of this machine can be listened on, and which of them others may take by chance."""

import errno
import socket
from pathlib import Path

from ground2cloud.config.gateway_model import GatewayConfig
from ground2cloud.core import addresses
from ground2cloud.web import address

_RANGE = Path("/proc/sys/net/ipv4/ip_local_port_range")


def why_not(host: str, port: int) -> str | None:
    """Say why nobody could begin to listen there now; None if it can be done."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    place = addresses.join(host, port)
    try:
        with socket.socket(family, socket.SOCK_STREAM) as trial:
            trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if family == socket.AF_INET6 and host != "::":
                trial.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            trial.bind((host, port))
    except OSError as error:
        return _words(place, error)
    return None


def _words(place: str, error: OSError) -> str:
    match error.errno:
        case errno.EADDRINUSE:
            return f"{place} is taken by another program"
        case errno.EACCES | errno.EPERM:
            return f"this account may not listen on {place}; a gateway that root starts may"
        case errno.EADDRNOTAVAIL:
            return f"{place}: this machine has no such address"
        case _:
            return f"nobody can listen on {place}: {error.strerror or error}"


def listens(config: GatewayConfig) -> dict[str, tuple[tuple[str, ...], int]]:
    """Where the gateway listens, by the key that says so; its local API takes any port."""
    router, plain = config.router, config.plain
    places = {
        "ssh.port": (config.ssh.listen, config.ssh.port),
        "router.port": (router.listen, router.port),
        "backchannel.port": (config.backchannel.listen, config.backchannel.port),
    }
    if router.certificate is not None or router.ssh_on_https_port:
        places["router.https_port"] = (router.listen, router.https_port)
    host, port = address.split(config.metrics.listen)
    places["metrics.listen"] = ((host,), port)
    if plain.listen is not None:
        places["plain.listen"] = ((plain.listen,), 0)  # its ports are looked at one by one
    return places


def in_the_way(config: GatewayConfig) -> list[str]:
    """Say where a gateway that is not started yet could not listen, a line each."""
    return [
        f"{key}: {words}"
        for key, (hosts, port) in listens(config).items()
        for host in hosts
        if (words := why_not(host, port))
    ]


def lent_by_chance(config: GatewayConfig, file: Path = _RANGE) -> str:
    """Warn of tunnel ports that the system lends to outgoing connections; empty if none is."""
    try:
        first, last = (int(word) for word in file.read_text("ascii").split())
    except (OSError, ValueError):
        return ""  # no Linux: nothing is known
    tunnels = config.tunnels
    if tunnels.last_port < first or tunnels.first_port > last:
        return ""
    return (
        f"tunnel ports {tunnels.first_port}..{tunnels.last_port} reach into {first}..{last}, which"
        " this machine lends to outgoing connections: a service's port may be taken when its lane"
        " comes; lower tunnels.last_port, or raise net.ipv4.ip_local_port_range"
    )
