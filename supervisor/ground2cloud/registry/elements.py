"""Writes elements: who may call what from the cloud side."""

from collections.abc import Sequence

from sqlalchemy import Connection, exists, select

from ground2cloud.registry import checks
from ground2cloud.registry.database import take_numbers, touch
from ground2cloud.registry.errors import RefusedError
from ground2cloud.registry.reading import is_id, read_active, read_elements
from ground2cloud.registry.records import Element, Grant
from ground2cloud.registry.tables import element


def write_element(connection: Connection, given: Element) -> Element:
    """Keep an element under the next ID.

    Raises:
        RefusedError: bad-name, name-in-use, key-in-use; unknown-registration, revoked,
            unknown-service, when a grant leads nowhere.
    """
    if given.name.isascii() and given.name.isdigit():
        raise RefusedError("bad-name", "an element's name is more than digits: those are its ID")
    _check_free(connection, given)
    _check_grants(connection, given.grants)
    identity = take_numbers(connection, "element", 1)
    connection.execute(
        element.insert().values(
            id=identity,
            name=given.name,
            key_hash=given.key_hash,
            grants=[[grant.registration, grant.service] for grant in given.grants],
            created_at=given.created_at,
            expires_at=given.expires_at,
            networks=list(given.networks),
            connections=given.connections,
            rate=given.rate,
        )
    )
    touch(connection, element, [identity])
    return read_element(connection, identity)


def read_element(connection: Connection, identity: int) -> Element:
    """Return one element, also a revoked one.

    Raises:
        RefusedError: unknown-element.
    """
    if is_id(identity):
        for found in read_elements(connection, element.c.id == identity):
            return found
    raise RefusedError("unknown-element", "there is no such element")


def mark_revoked(connection: Connection, identity: int, now: float) -> Element:
    """Refuse an element's key from now on.

    Raises:
        RefusedError: unknown-element.
    """
    row = (element.c.id == identity) & element.c.revoked_at.is_(None)
    read_element(connection, identity)
    connection.execute(element.update().where(row).values(revoked_at=now))
    touch(connection, element, [identity])
    return read_element(connection, identity)


def _check_free(connection: Connection, given: Element) -> None:
    same_name = (element.c.name == given.name) & element.c.revoked_at.is_(None)
    if connection.execute(select(exists().where(same_name))).scalar_one():
        hint = "revoke that one first, or take another name"
        raise RefusedError("name-in-use", f"there is an element {given.name}", hint)
    if connection.execute(
        select(exists().where(element.c.key_hash == given.key_hash))
    ).scalar_one():
        raise RefusedError("key-in-use", "this element key is in use or was revoked")


def _check_grants(connection: Connection, grants: Sequence[Grant]) -> None:
    ids = {grant.registration for grant in grants}
    found = {identity: read_active(connection, identity) for identity in ids}
    for grant in grants:
        names = [service.name for service in found[grant.registration].services]
        if grant.service is not None and grant.service not in names:
            raise RefusedError(
                "unknown-service",
                f"registration {grant.registration} has no service"
                f" {checks.clip(grant.service, checks.NAME)}",
                f"its services: {', '.join(names) or 'none'}",
            )
