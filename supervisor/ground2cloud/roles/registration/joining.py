"""Join a gateway with the line that its operator handed out, and leave it again.

What is about to be asked for is written down first. So whatever is cut off, here or there, the same
command again gives the same registration; and until the last file is in place nothing has changed.
"""

import secrets
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from ground2cloud import __version__
from ground2cloud.backchannel.client import Client, wanted_services
from ground2cloud.backchannel.errors import RefusedError, Slug
from ground2cloud.backchannel.messages import Registered, RegisterRequest
from ground2cloud.config import places
from ground2cloud.config.identity import Backchannel, Endpoint, Identity, Joining
from ground2cloud.config.join import Join, encode
from ground2cloud.config.model import Service
from ground2cloud.errors import Ground2CloudError
from ground2cloud.openssh import system
from ground2cloud.openssh.keys import check_key, make_key
from ground2cloud.rendering.atomic import make_private_directory
from ground2cloud.roles.registration.asking import ask, client_of
from ground2cloud.roles.registration.link import allotted
from ground2cloud.roles.registration.store import Store

T = TypeVar("T")

WITHIN = 20.0
"""Seconds for a call of a command, which somebody waits for."""

GONE = frozenset({Slug.UNAUTHORIZED, Slug.REVOKED})
"""The gateway does not know this agent any more."""

FOR_GOOD = frozenset({Slug.JOIN_UNKNOWN, Slug.JOIN_EXPIRED, Slug.JOIN_USED, Slug.KEY_TAKEN})
"""This join string will not do, however often it is tried."""


async def join_gateway(
    store: Store, join: Join, services: tuple[Service, ...], *, name: str
) -> Identity:
    """Register; answer with the identity that is in force then. An earlier one is replaced.

    Raises:
        Ground2CloudError: the gateway refuses or is not reached, or a file can't be written; an
            identity that was there is still there.
    """
    wanted = wanted_services((each.name, each.kind) for each in services)
    left = store.joining()
    if left is None or left.join != encode(join):
        left = Joining(join=encode(join), token=secrets.token_urlsafe(32), key=store.free_key())
        store.note_joining(left)
    key = await provide_key(store, left.key)
    client = Client(join.host, join.port, pin=join.pin, timeout=WITHIN)
    request = RegisterRequest(
        key=key,
        token=left.token,
        services=wanted,
        name=name,
        version=__version__,
    )
    authority = await _ask(client.fetch_authority)
    try:
        answer = await _ask(lambda: client.register(join.token, request))
    except RefusedError as error:
        if error.slug in FOR_GOOD:
            store.joined()
            store.tidy()
        raise
    identity = _identity(answer, join, left, authority)
    store.write(identity)
    store.joined()
    store.tidy()
    await hand_over(store, identity.key)
    return identity


async def leave_gateway(store: Store, identity: Identity, *, force: bool) -> bool:
    """Give the registration up; answer whether the gateway knows.

    Raises:
        Ground2CloudError: the gateway is not reached, and it is not forced; nothing has changed.
    """
    client = client_of(identity, within=WITHIN)
    told = True
    try:
        await _ask(client.unregister)
    except RefusedError as error:
        if error.slug not in GONE and not force:
            raise
        told = error.slug in GONE
    except Ground2CloudError:
        if not force:
            raise
        told = False
    store.remove()
    return told


async def provide_key(store: Store, name: str) -> str:
    """Make the key of this name, or take the one that an earlier try made; answer the public half.

    What an earlier try left is removed only where ssh-keygen takes it for no key, it was cut off in
    the middle of it, and no identity names it: any other may be the only one that is in force.

    Raises:
        Ground2CloudError: it can't be made or used.
    """
    keygen = system.locate("ssh-keygen")
    if keygen is None:
        raise Ground2CloudError("there is no ssh-keygen on this machine", system.INSTALL_HINT)
    path = store.state / name
    try:
        make_private_directory(store.state)
        report = await check_key(path, keygen)
        if report.problem == "unreadable" and _is_cut_off(path) and not _is_in_force(store, name):
            path.unlink()
        if not path.exists():
            path.with_name(f"{name}.pub").unlink(missing_ok=True)
            await make_key(path, keygen)
            report = await check_key(path, keygen)
    except OSError as error:
        raise Ground2CloudError(f"{error.filename or path}: {error.strerror or error}") from None
    if not report.usable:
        raise Ground2CloudError(report.message, report.hint)
    return " ".join(report.public_key.split()[:2])


async def hand_over(store: Store, key: str) -> None:
    """Let a service's account read the key that an administrator's command made for it.

    Raises:
        Ground2CloudError: it can't be done; the identity is in force all the same.
    """
    if store.state.is_relative_to(places.service().configuration):
        problem = await system.hand_over_key(store.state / key)
        if problem:
            raise Ground2CloudError(f"the service can't be given its key: {problem}")


def _is_cut_off(path: Path) -> bool:
    """Whether the end of a key is missing: ssh-keygen writes it last."""
    try:
        return b"-----END " not in path.read_bytes()
    except OSError:
        return False


def _is_in_force(store: Store, name: str) -> bool:
    identity = store.read()
    return identity is not None and name in {identity.key, identity.next_key}


def _identity(answer: Registered, join: Join, left: Joining, authority: str) -> Identity:
    return Identity(
        registration=answer.registration,
        token=left.token,
        name=answer.name,
        user=answer.user,
        host_ca=answer.host_ca,
        host_alias=answer.host_alias,
        key=left.key,
        slots=answer.slots,
        backchannel=Backchannel(host=join.host, port=join.port, pin=join.pin, authority=authority),
        endpoint=tuple(Endpoint(host=each.host, port=each.port) for each in answer.endpoints),
        service=tuple(allotted(each) for each in answer.services),
    )


async def _ask(question: Callable[[], T]) -> T:
    return await ask(question, within=WITHIN)
