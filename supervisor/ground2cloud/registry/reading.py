"""From rows to records."""

from collections import defaultdict
from collections.abc import Iterator

from sqlalchemy import ColumnElement, Connection, Row, select

from ground2cloud.config.model import Kind
from ground2cloud.registry.errors import RefusedError
from ground2cloud.registry.records import SLOTS, Element, Grant, Registration, ServicePort
from ground2cloud.registry.tables import element, registration, service, ssh_key

_IDS = 2**31  # beyond it, PostgreSQL takes no integer


def read_registrations(
    connection: Connection, *, only: int | None = None
) -> Iterator[Registration]:
    """Yield the registrations by ID, revoked ones too, unregistered ones not."""
    keys = _read_keys(connection, only)
    services = _read_services(connection, only)
    query = select(registration).where(
        registration.c.unregistered_at.is_(None), *_of(registration.c.id, only)
    )
    for row in connection.execute(query.order_by(registration.c.id)):
        yield Registration(
            row.id,
            row.name,
            keys[row.id, False],
            keys.get((row.id, True)),
            SLOTS,
            tuple(services[row.id]),
            row.created_at,
            row.seen_at,
            row.version,
            row.address,
            row.last_error,
            row.revoked_at,
            tuple(row.allowed),
        )


def _read_keys(connection: Connection, only: int | None) -> dict[tuple[int, bool], str]:
    query = select(ssh_key).where(*_of(ssh_key.c.registration, only))
    return {(row.registration, row.is_next): row.key for row in connection.execute(query)}


def _read_services(connection: Connection, only: int | None) -> dict[int, list[ServicePort]]:
    found = defaultdict[int, list[ServicePort]](list)
    query = select(service).where(
        service.c.position.is_not(None), *_of(service.c.registration, only)
    )
    for row in connection.execute(query.order_by(service.c.registration, service.c.position)):
        found[row.registration].append(ServicePort(row.name, Kind(row.kind), row.port))
    return found


def _of(column: ColumnElement[int], only: int | None) -> tuple[ColumnElement[bool], ...]:
    return () if only is None else (column == only,)


def read_registration(connection: Connection, identity: int) -> Registration:
    """Return one registration, also a revoked one.

    Raises:
        RefusedError: unknown-registration.
    """
    if is_id(identity):
        for found in read_registrations(connection, only=identity):
            return found
    raise unknown(identity)


def read_active(connection: Connection, identity: int) -> Registration:
    """Return one registration that may still do something.

    Raises:
        RefusedError: unknown-registration, revoked.
    """
    found = read_registration(connection, identity)
    if found.revoked_at is not None:
        raise RefusedError("revoked", f"registration {identity} is revoked")
    return found


def is_id(number: int) -> bool:
    """Answer whether a number can be an ID at all."""
    return 0 < number < _IDS


def unknown(identity: int) -> RefusedError:
    """Return the error for an ID that there is not."""
    shown = identity if is_id(identity) else "of this number"
    return RefusedError("unknown-registration", f"there is no registration {shown}")


def read_elements(connection: Connection, *where: ColumnElement[bool]) -> Iterator[Element]:
    """Yield the elements by ID, also those that are revoked or have expired."""
    query = select(element).where(*where).order_by(element.c.id)
    for row in connection.execute(query):
        yield _to_element(row)


def _to_element(row: Row[tuple[object, ...]]) -> Element:
    return Element(
        row.id,
        row.name,
        row.key_hash,
        tuple(Grant(identity, name) for identity, name in row.grants),
        row.created_at,
        row.expires_at,
        tuple(row.networks),
        row.connections,
        row.rate,
        row.revoked_at,
    )
