"""Writes the services of a registration, and gives each its port."""

from collections.abc import Mapping, Sequence

from sqlalchemy import ColumnElement, Connection, func, select

from ground2cloud.config.model import Kind
from ground2cloud.registry.database import number, set_number, touch
from ground2cloud.registry.errors import RefusedError
from ground2cloud.registry.ports import Held, next_ports, plan
from ground2cloud.registry.records import PortRange
from ground2cloud.registry.tables import registration, service


def write_services(
    connection: Connection, identity: int, wanted: Mapping[str, Kind], now: float, ports: PortRange
) -> None:
    """Make these the services of a registration, in this order. The caller has the change's turn.

    Raises:
        RefusedError: no-free-port.
    """
    held = _read_held(connection, identity)
    todo = plan(held, tuple(wanted))
    if todo.removed:
        gone = {"position": None, "removed_at": now}
        connection.execute(service.update().where(_named(identity, todo.removed)).values(gone))
    if todo.given_up:
        connection.execute(service.delete().where(_named(identity, todo.given_up)))
    fresh = _take_ports(connection, len(todo.fresh), ports)
    found = {**todo.ports, **dict(zip(todo.fresh, fresh, strict=True))}
    for position, (name, kind) in enumerate(wanted.items()):
        values = {"kind": kind.value, "position": position, "removed_at": None}
        if name in held:
            connection.execute(service.update().where(_named(identity, [name])).values(values))
        else:
            values |= {"port": found[name], "registration": identity, "name": name}
            connection.execute(service.insert().values(values))


def _read_held(connection: Connection, identity: int) -> dict[str, Held]:
    query = select(service).where(service.c.registration == identity)
    return {row.name: Held(row.port, row.removed_at) for row in connection.execute(query)}


def _named(identity: int, names: Sequence[str]) -> ColumnElement[bool]:
    return (service.c.registration == identity) & service.c.name.in_(names)


def _take_ports(connection: Connection, count: int, ports: PortRange) -> list[int]:
    """Return ports that are nobody's: first those that never were anybody's, from below.

    When there are no more, what is left between, and then what belonged to registrations that
    are revoked or unregistered, longest ago first.

    Raises:
        RefusedError: no-free-port.
    """
    if not count:
        return []
    found = next_ports(count, number(connection, "port"), ports)
    if found:
        set_number(connection, "port", found[-1] + 1)
    if len(found) < count:
        found += _find_gaps(connection, count - len(found), ports, found)
    if len(found) < count:
        found += _take_over(connection, count - len(found), ports)
    if len(found) < count:
        text = f"all tunnel ports {ports.first}..{ports.last} are in use or kept"
        raise RefusedError("no-free-port", text, "widen the gateway's range of tunnel ports")
    return found


def _find_gaps(
    connection: Connection, count: int, ports: PortRange, found: Sequence[int]
) -> list[int]:
    used = set(connection.execute(select(service.c.port)).scalars())
    without = PortRange(ports.first, ports.last, ports.taken | used | set(found))
    return next_ports(count, ports.first, without)


def _take_over(connection: Connection, count: int, ports: PortRange) -> list[int]:
    gone_at = func.coalesce(registration.c.unregistered_at, registration.c.revoked_at)
    query = (
        select(service.c.port, service.c.registration)
        .join(registration)
        .where(gone_at.is_not(None), service.c.port.between(ports.first, ports.last))
        .where(service.c.port.not_in(ports.taken))
        .order_by(gone_at, service.c.port)
        .limit(count)
    )
    rows = connection.execute(query).all()
    found = [port for port, _ in rows]
    connection.execute(service.delete().where(service.c.port.in_(found)))
    touch(connection, registration, {identity for _, identity in rows})
    return found
