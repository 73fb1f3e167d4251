"""From the registry's records to what sshd, the router and agents are told. Pure."""

from collections.abc import Iterable

from ground2cloud.backchannel import messages
from ground2cloud.config.gateway_model import GatewayConfig
from ground2cloud.haproxy.routes import Backend, Key
from ground2cloud.openssh.sshd.authorized import KeyGrant
from ground2cloud.registry.records import Element, Registration
from ground2cloud.roles.gateway import paths
from ground2cloud.roles.gateway.listeners import Place


def key_grants(registration: Registration) -> tuple[KeyGrant, ...]:
    """Who may log in: a registration that is not revoked, with one key or, in between, two."""
    if registration.revoked_at is not None:
        return ()
    ports = tuple(service.port for service in registration.services)
    probes = tuple(
        f"{at.address}:{at.port}"
        for slot in registration.slots
        if (at := paths.place(registration, slot)) is not None
    )
    return tuple(
        KeyGrant(registration.id, key, registration.slots, ports, probes)
        for key in (registration.key, registration.next_key)
        if key is not None
    )


def backends(registration: Registration, up: frozenset[Place]) -> tuple[Backend, ...]:
    """Where callers may be led to; `up` are the places on which lanes listen."""
    if registration.revoked_at is not None:
        return ()
    return tuple(
        Backend(
            registration.id,
            service.name,
            service.kind,
            service.port,
            tuple(slot for slot in registration.slots if (slot, service.port) in up),
        )
        for service in registration.services
    )


def keys(elements: Iterable[Element]) -> list[Key]:
    """Which element keys open what; the router itself sees to the time of one that expires."""
    return [
        Key(
            key_hash=each.key_hash,
            element=each.id,
            grants=tuple((grant.registration, grant.service) for grant in each.grants),
            networks=each.networks,
            rate=each.rate,
            connections=each.connections,
            expires_at=each.expires_at,
        )
        for each in elements
        if each.revoked_at is None
    ]


def allotted(registration: Registration) -> tuple[messages.AllottedService, ...]:
    """The services of a registration as its agent is told."""
    return tuple(
        messages.AllottedService(name=each.name, kind=each.kind, port=each.port)
        for each in registration.services
    )


def endpoints(config: GatewayConfig) -> tuple[messages.Endpoint, ...]:
    """Where agents find the sshd, in the order in which to try."""
    host, ssh, router = config.gateway.host, config.ssh, config.router
    named = [_split(text) for text in ssh.endpoints] or [(host, ssh.port)]
    if router.ssh_on_https_port and (host, router.https_port) not in named:
        named.append((host, router.https_port))
    return tuple(messages.Endpoint(host=name, port=port) for name, port in named)


def _split(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    return host.removeprefix("[").removesuffix("]"), int(port)
