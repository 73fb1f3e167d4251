"""The links of the network: the name, the port, and who answers there."""

import asyncio
import socket
from collections.abc import AsyncIterator
from typing import NamedTuple

from msgspec.structs import replace

from ground2cloud.applications.connect import connect, resolve
from ground2cloud.config.identity import Endpoint
from ground2cloud.config.model import AgentConfig, Gateway
from ground2cloud.core.clock import monotonic
from ground2cloud.logs.escape import printable
from ground2cloud.openssh import jump
from ground2cloud.roles.doctor.finding import NOT_TRIED, Finding, Result, bad, good, timed, unknown

STEPS = ("name", "connection", "server")
"""The links, in their order."""

_BANNER_LIMIT = 16_384  # bytes; RFC 4253 lets a server say more before it says who it is
_SHOWN = 100
_NETWORK_HINT = "check this machine's network: cable, Wi-Fi, VPN, routes, DNS"


class Target(NamedTuple):
    """Whom ssh calls first: the gateway, or the first host on the way to it. `timeout` seconds."""

    host: str
    port: int
    who: str
    timeout: float


def first_target(config: AgentConfig) -> Target | None:
    """Answer whom ssh calls first; None where a command of the user's makes the connection."""
    if any(name.lower() == "proxycommand" for name in config.ssh.options):
        return None
    timeout = float(config.ssh.connect_timeout)
    if config.ssh.jump:
        hop = jump.parse(config.ssh.jump)[0]
        return Target(hop.host, hop.port, f"the jump host {hop.host}", timeout)
    gateway = config.gateway
    assert gateway is not None, "of a registered agent each endpoint is put in its place"
    return Target(gateway.host, gateway.ssh_port, f"the gateway {gateway.host}", timeout)


async def walk(config: AgentConfig) -> AsyncIterator[Finding]:
    """Look at the links up to the first that is broken."""
    target = first_target(config)
    if target is None:
        for step in STEPS:
            yield unknown(step, "a command of your own makes the connection (ProxyCommand)")
        return
    name = await timed(_look_up(target))
    yield name
    if name.result is Result.BAD:
        for step in STEPS[1:]:
            yield unknown(step, NOT_TRIED)
        return
    begun = monotonic()
    found, connection = await _dial(target)
    yield replace(found, seconds=monotonic() - begun)
    if connection is None:
        yield unknown("server", NOT_TRIED)
        return
    with connection:
        yield await timed(_listen(target, connection))


async def walk_endpoints(
    config: AgentConfig, endpoints: tuple[Endpoint, ...]
) -> AsyncIterator[Finding]:
    """Look at the endpoints of a registered agent's gateway up to the first that is good.

    One that is not is told without being called broken, as long as another one is good.
    """
    for number, endpoint in enumerate(endpoints, 1):
        gateway = Gateway(host=endpoint.host, ssh_port=endpoint.port)
        found = [each async for each in walk(replace(config, gateway=gateway))]
        broken = any(each.result is Result.BAD for each in found)
        if broken and number < len(endpoints):
            found = [
                unknown(each.step, f"{each.message}; trying the next endpoint", each.hint)
                for each in found
                if each.result is Result.BAD
            ]
        for each in found:
            yield each
        if not broken:
            return


async def _look_up(target: Target) -> Finding:
    """See whether the name leads to an address."""
    try:
        async with asyncio.timeout(target.timeout):
            found = await resolve(target.host, target.port)
    except (OSError, ValueError) as error:
        why = f"no answer within {target.timeout:g} s" if isinstance(error, TimeoutError) else error
        return bad(
            "name",
            f"the name of {target.who} can't be resolved to an address"
            f" ({getattr(why, 'strerror', None) or why})",
            f"check the name for a typing mistake; and {_NETWORK_HINT}",
        )
    addresses = list(dict.fromkeys(str(address[0]) for _, address in found))
    if target.host in addresses:
        return good("name", f"{target.host} is an address")
    return good("name", f"{target.host} is {', '.join(addresses)}")


async def _dial(target: Target) -> tuple[Finding, socket.socket | None]:
    """See whether the port takes a connection; the caller closes it."""
    try:
        async with asyncio.timeout(target.timeout):
            connection = await connect(target.host, target.port)
    except OSError as error:
        return _no_connection(target, error), None
    peer = connection.getpeername()
    return good("connection", f"{peer[0]} port {peer[1]} takes connections"), connection


def _no_connection(target: Target, error: OSError) -> Finding:
    match error:
        case ConnectionRefusedError():
            message = f"{target.who} refuses connections on port {target.port}"
            hint = "check that sshd runs there and listens on that port; a firewall may refuse, too"
        case TimeoutError():
            message = f"{target.who} does not answer on port {target.port}"
            hint = "check the address and the port; a firewall on the way may drop the connection"
        case _:
            words = error.strerror or error
            message = f"there is no way through the network to {target.who} ({words})"
            hint = _NETWORK_HINT
    return bad("connection", message, hint)


async def _listen(target: Target, connection: socket.socket) -> Finding:
    """See whether it is an SSH server that answers."""
    heard = b""
    try:
        async with asyncio.timeout(target.timeout):
            while not _greeting(heard) and len(heard) < _BANNER_LIMIT:
                more = await asyncio.get_running_loop().sock_recv(connection, 1024)
                if not more:
                    break
                heard += more
    except TimeoutError:
        return bad(
            "server",
            f"{target.who} takes the connection but says nothing",
            f"it may be overloaded, or something else than sshd listens on port {target.port}",
        )
    except OSError:
        pass  # what was heard before decides
    return _judge(target, heard)


def _judge(target: Target, heard: bytes) -> Finding:
    greeting = _greeting(heard)
    if greeting:
        return good("server", greeting)
    if heard:
        return bad(
            "server",
            f"what answers on port {target.port} is no SSH server:"
            f" {printable(heard.decode('utf-8', 'replace'), _SHOWN)}",
            "check gateway.ssh_port",
        )
    return bad(
        "server",
        f"{target.who} closed the connection at once",
        "sshd may be restarting or have too many logins in progress, or it blocks this machine's"
        " address (fail2ban, PerSourcePenalties, a firewall)",
    )


def _greeting(heard: bytes) -> str:
    """Answer with who the server says it is, once that line is whole."""
    for line in heard.split(b"\n")[:-1]:
        if line.startswith(b"SSH-"):
            return printable(line.rstrip(b"\r").decode("utf-8", "replace"), _SHOWN)
    return ""
