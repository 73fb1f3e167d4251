"""From the configuration to the gateway's parts: its sshd, its router, its lanes."""

import contextlib
import gc
import os
from collections.abc import Awaitable, Callable, Iterator
from ipaddress import ip_address

from ground2cloud.config.gateway_model import GatewayConfig
from ground2cloud.config.locations import GatewayLocations
from ground2cloud.core.spec import Limits, Verdict
from ground2cloud.errors import Ground2CloudError
from ground2cloud.haproxy.program import find_haproxy
from ground2cloud.haproxy.routes import Endpoint, PlainPorts, RouterSettings, Timeouts, Tls
from ground2cloud.openssh.render import HOST_KEY_ALIAS
from ground2cloud.openssh.sshd.ca import HostIdentity
from ground2cloud.openssh.sshd.child import SshdChild
from ground2cloud.openssh.sshd.pacing import Pace, Pacing, pace_for
from ground2cloud.openssh.sshd.program import find_sshd, unsafe_part
from ground2cloud.openssh.sshd.sessions import Session, Sessions
from ground2cloud.openssh.sshd.settings import Listen, SshdPlaces, SshdSettings
from ground2cloud.openssh.sshd.strays import Strays
from ground2cloud.registry.records import SLOTS
from ground2cloud.rendering.atomic import write_atomic
from ground2cloud.roles.gateway import derive, foundation, system
from ground2cloud.roles.gateway.book import Book
from ground2cloud.roles.gateway.desk import Facts
from ground2cloud.roles.gateway.lanes import Lanes
from ground2cloud.roles.gateway.listeners import Place
from ground2cloud.roles.gateway.routing import Router

LIMITS = Limits(stop_timeout=3.0, blocked_retry=30.0)
"""Times of both programs. A gateway that is blocked is tried again soon: nothing else is there."""


async def make_sshd(
    config: GatewayConfig, places: GatewayLocations, on_event: Callable[[object], None]
) -> tuple[SshdChild, HostIdentity]:
    """Make the sshd, and what agents know it by.

    Raises:
        Ground2CloudError: there is no usable sshd, or its keys can't be used.
        OSError: its keys can't be written.
    """
    program = await find_sshd(config.ssh.program)
    if isinstance(program, Verdict):
        raise Ground2CloudError(program.message, program.hint)
    identity = await foundation.host_identity(config, places, program.keygen)
    files = foundation.RunFiles(places.run)
    settings = sshd_settings(config, places)
    sshd_places = SshdPlaces(
        config_file=files.sshd_config,
        authorized_keys=files.authorized_keys,
        host_key=identity.host_key,
        host_certificate=identity.certificate,
        home=files.home,
    )
    return SshdChild(program, settings, sshd_places, on_event=on_event, limits=LIMITS), identity


def sshd_settings(config: GatewayConfig, places: GatewayLocations) -> SshdSettings:
    """Say the configuration in sshd's terms.

    Raises:
        ValueError: a value can't be expressed in sshd_config.
    """
    ssh = config.ssh
    return SshdSettings(
        listen=tuple(Listen(host, ssh.port) for host in _shared(config)),
        user=system.current(),
        max_startups=ssh.max_startups,
        per_source=per_source(config),
        client_alive_interval=ssh.alive_interval,
        client_alive_count_max=ssh.alive_count_max,
        # It would refuse every key where others may write to a directory above (below /tmp).
        strict_modes=unsafe_part(places.run, owners=(0, system.number())) is None,
    )


def per_source(config: GatewayConfig) -> int:
    """How many may be logging in from one address: a quarter, and all that are paced.

    Many agents may stand behind one address. All that come through the port for HTTPS have the
    router's: to them a quarter is denied, so that they can't keep out who comes to sshd's own port.
    """
    most = config.ssh.max_startups
    if config.router.ssh_on_https_port:
        return most - most // 4
    return max(most // 4, pace(config).at_once)


def make_lanes(
    config: GatewayConfig,
    files: foundation.RunFiles,
    *,
    on_change: Callable[[frozenset[Place]], None],
    on_login: Callable[[Session], None],
    on_surplus: Callable[[int, int], None],
) -> Lanes:
    """Make the record of lanes, with those that an earlier gateway left."""
    sessions = Sessions(files.sessions, write_atomic)
    sessions.load()
    return Lanes(
        sessions,
        Strays(files.listeners, write_atomic, sessions),
        Pacing(pace(config)),
        on_change=on_change,
        on_login=on_login,
        on_surplus=on_surplus,
    )


def pace(config: GatewayConfig) -> Pace:
    """How many agents may dial when."""
    return pace_for(config.ssh.max_startups, os.cpu_count() or 1)


async def make_router(
    config: GatewayConfig,
    places: GatewayLocations,
    book: Book,
    lanes: Lanes,
    renew: Callable[[], Awaitable[Verdict | None]],
) -> Router:
    """Make the router; `renew` has the supervisor give it its files anew.

    Raises:
        Ground2CloudError: there is no usable HAProxy, or it can't be told what is configured.
    """
    program = await find_haproxy(config.router.program)
    if isinstance(program, Verdict):
        raise Ground2CloudError(program.message, program.hint)
    files = foundation.RunFiles(places.run)
    try:
        settings = router_settings(config, places, files)
    except ValueError as error:
        raise Ground2CloudError(f"the router can't be told this: {error}") from None
    return Router(
        program, settings, files.router, book=book, lanes=lanes, limits=LIMITS, renew=renew
    )


def router_settings(
    config: GatewayConfig, places: GatewayLocations, files: foundation.RunFiles
) -> RouterSettings:
    """Say the configuration in the router's terms.

    Raises:
        ValueError: a value can't be expressed in HAProxy's configuration.
    """
    router, plain = config.router, config.plain
    domain = (router.domain or config.gateway.host).lower().rstrip(".")
    return RouterSettings(
        runtime_socket=files.directory / "router.sock",
        listen=tuple(Endpoint(host, router.port) for host in router.listen),
        tls=_tls(config, places),
        domain=None if _is_address(domain) else domain,
        plain=PlainPorts(addresses=(plain.listen,), networks=plain.sources)
        if plain.listen
        else None,
        slots=SLOTS,
        timeouts=Timeouts(
            connect=float(router.connect_timeout),
            application=float(router.application_timeout),
            tunnel=float(router.idle_timeout),
        ),
        connections=router.max_connections,
        connections_per_source=router.max_connections_per_source,
        access_log=router.access_log,
    )


def facts(config: GatewayConfig, identity: HostIdentity) -> Facts:
    """What every agent is told."""
    return Facts(
        user=system.current(),
        endpoints=derive.endpoints(config),
        host_ca=identity.ca_public_key,
        host_alias=HOST_KEY_ALIAS,
    )


def _shared(config: GatewayConfig) -> tuple[str, ...]:
    """The addresses of sshd; the router comes to it over loopback where they share a port."""
    listen = config.ssh.listen
    if not config.router.ssh_on_https_port or {"0.0.0.0", "127.0.0.1"} & set(listen):  # noqa: S104 - looked for
        return listen
    return (*listen, "127.0.0.1")


def _tls(config: GatewayConfig, places: GatewayLocations) -> tuple[Tls, ...]:
    router = config.router
    if places.certificate is None and not router.ssh_on_https_port:
        return ()
    return (
        Tls(
            listen=tuple(Endpoint(host, router.https_port) for host in router.listen),
            certificate=places.certificate,
            sshd=Endpoint("127.0.0.1", config.ssh.port) if router.ssh_on_https_port else None,
        ),
    )


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True


@contextlib.contextmanager
def uncollected() -> Iterator[None]:
    """Make things that stay, without looking for garbage among them, then or ever.

    With 10,000 registrations the looks are half of the start, and later a pause of 0.1 s each.
    """
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()
