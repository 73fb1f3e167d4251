"""From rows to records."""

from collections import defaultdict
from collections.abc import Iterator

from sqlalchemy import ColumnElement, Connection, Row, select

from ground2cloud.config.model import Kind
from ground2cloud.registry.errors import RefusedError
from ground2cloud.registry.records import SLOTS, Element, Grant, Registration, ServicePort
from ground2cloud.registry.tables import element, registration, service, ssh_key

_KINDS = {kind.value: kind for kind in Kind}
_IDS = 2**31  # beyond it, PostgreSQL takes no integer


def read_registrations(
    connection: Connection, *, only: int | None = None, since: int = -1
) -> Iterator[Registration]:
    """Yield registrations by ID, revoked ones too, unregistered ones not.

    Args:
        connection: to the database.
        only: the ID of the only one.
        since: only those that a later change than the one of this number touched.
    """
    keys = _read_keys(connection, only, since)
    services = _read_services(connection, only, since)
    columns = registration.c
    query = select(
        columns.id,
        columns.name,
        columns.created_at,
        columns.token_hash,
        columns.seen_at,
        columns.version,
        columns.address,
        columns.last_error,
        columns.revoked_at,
        columns.allowed,
    ).where(columns.unregistered_at.is_(None), *_of(columns.id, only, since))
    # All at once and by place: with 10,000 rows it is half the time.
    rows = connection.execute(query.order_by(columns.id)).all()
    for identity, name, made_at, token_hash, at, version, address, error, revoked, allowed in rows:
        yield Registration(
            identity,
            name,
            keys[identity, False],
            keys.get((identity, True)),
            SLOTS,
            tuple(services.get(identity, ())),
            made_at,
            token_hash,
            at,
            version,
            address,
            error,
            revoked,
            tuple(allowed),
        )


def read_gone(connection: Connection, since: int) -> Iterator[int]:
    """Yield the IDs of registrations that unregistered, after the change of this number."""
    columns = registration.c
    query = select(columns.id).where(columns.unregistered_at.is_not(None))
    yield from connection.execute(query.where(*_of(columns.id, None, since))).scalars()


def _read_keys(connection: Connection, only: int | None, since: int) -> dict[tuple[int, bool], str]:
    columns = ssh_key.c
    query = select(columns.registration, columns.is_next, columns.key)
    rows = connection.execute(query.where(*_of(columns.registration, only, since))).all()
    return {(identity, is_next): key for identity, is_next, key in rows}


def _read_services(
    connection: Connection, only: int | None, since: int
) -> dict[int, list[ServicePort]]:
    found = defaultdict[int, list[ServicePort]](list)
    columns = service.c
    query = (
        select(columns.registration, columns.name, columns.kind, columns.port)
        .where(columns.position.is_not(None), *_of(columns.registration, only, since))
        .order_by(columns.registration, columns.position)
    )
    for identity, name, kind, port in connection.execute(query).all():
        found[identity].append(ServicePort(name, _KINDS[kind], port))
    return found


def _of(
    column: ColumnElement[int], only: int | None, since: int
) -> tuple[ColumnElement[bool], ...]:
    if only is not None:
        return (column == only,)
    if since < 0:
        return ()
    return (column.in_(select(registration.c.id).where(registration.c.changed > since)),)


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


def read_by_token(connection: Connection, token_hash: str) -> Registration:
    """Return the registration whose agent has this token, and that may still do something.

    Raises:
        RefusedError: agent-unknown, revoked.
    """
    query = select(registration.c.id).where(registration.c.token_hash == token_hash)
    identity = connection.execute(query).scalar()
    if identity is None:
        hint = "register again, with a join string of --renew to keep ID and ports"
        raise RefusedError("agent-unknown", "this gateway knows no such agent", hint)
    return read_active(connection, identity)


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
