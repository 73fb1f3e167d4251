"""Invites, and the registrations that they become: one invite, one registration, once."""

from sqlalchemy import Connection, exists, select

from ground2cloud.registry.database import take_numbers
from ground2cloud.registry.errors import RefusedError
from ground2cloud.registry.reading import is_id, unknown
from ground2cloud.registry.records import Invite
from ground2cloud.registry.tables import invite, registration, ssh_key

REMEMBERED = 30 * 86400.0
"""Seconds for which an invite that is over is known as one that was used or has expired."""


def write_invite(connection: Connection, given: Invite, token_hash: str, now: float) -> None:
    """Keep an invite.

    Raises:
        RefusedError: unknown-registration or revoked, of the registration that it is to renew.
    """
    if given.renews is not None:
        _check_renewable(connection, given.renews)
    connection.execute(invite.delete().where(invite.c.expires_at < now - REMEMBERED))
    connection.execute(
        invite.insert().values(
            token_hash=token_hash,
            name=given.name,
            services=list(given.services),
            expires_at=given.expires_at,
            renews=given.renews,
        )
    )


def use_invite(connection: Connection, token_hash: str, now: float) -> Invite:
    """Take an invite, so that nobody else can.

    Raises:
        RefusedError: token-unknown, token-used, token-expired.
    """
    row = connection.execute(select(invite).where(invite.c.token_hash == token_hash)).first()
    if row is None:
        raise RefusedError(
            "token-unknown",
            "this gateway knows no such join string",
            "ask its operator for a new one: ground2cloud gateway invite",
        )
    again = "a join string is good for one registration: ask the gateway's operator for a new one"
    if row.used_at is not None:
        raise RefusedError("token-used", "this join string was used already", again)
    if row.expires_at <= now:
        raise RefusedError("token-expired", "this join string has expired", again)
    used = invite.update().where(invite.c.token_hash == token_hash).values(used_at=now)
    connection.execute(used)
    return Invite(row.name, tuple(row.services), row.expires_at, row.renews)


def write_registration(
    connection: Connection, given: Invite, name: str, token_hash: str, now: float
) -> int:
    """Make the registration that an invite is for, or renew it; return its ID.

    Raises:
        RefusedError: agent-token-in-use; revoked, of the registration that it is to renew.
    """
    _check_agent_token(connection, token_hash, given.renews)
    if given.renews is None:
        identity = take_numbers(connection, "registration", 1)
        values = {"id": identity, "name": given.name or name, "allowed": list(given.services)}
        connection.execute(
            registration.insert().values(**values, token_hash=token_hash, created_at=now)
        )
        return identity
    _check_renewable(connection, given.renews)
    changes: dict[str, object] = {"token_hash": token_hash, "unregistered_at": None}
    if given.name:
        changes["name"] = given.name
    if given.services:
        changes["allowed"] = list(given.services)
    connection.execute(
        registration.update().where(registration.c.id == given.renews).values(changes)
    )
    drop_keys(connection, given.renews)
    return given.renews


def _check_agent_token(connection: Connection, token_hash: str, renews: int | None) -> None:
    query = select(registration.c.id).where(registration.c.token_hash == token_hash)
    if connection.execute(query).scalar() not in {None, renews}:
        text = "this agent token is another registration's"
        raise RefusedError("agent-token-in-use", text, "an agent makes up a new one each time")


def _check_renewable(connection: Connection, identity: int) -> None:
    if not is_id(identity):
        raise unknown(identity)
    query = select(registration.c.revoked_at).where(registration.c.id == identity)
    row = connection.execute(query).first()
    if row is None:
        raise unknown(identity)
    if row.revoked_at is not None:
        text = f"registration {identity} is revoked and can't be renewed"
        raise RefusedError("revoked", text, "invite without --renew")


def write_key(connection: Connection, identity: int, key: str, *, is_next: bool) -> None:
    """Give a registration a key that nobody has: two would be told apart by nothing.

    Raises:
        RefusedError: key-in-use. A revoked registration's key is in use for ever.
    """
    if connection.execute(select(exists().where(ssh_key.c.key == key))).scalar_one():
        hint = "make a new key"
        raise RefusedError("key-in-use", "this public key is in use or was revoked", hint)
    connection.execute(ssh_key.insert().values(key=key, registration=identity, is_next=is_next))


def drop_keys(connection: Connection, identity: int, *, is_next: bool | None = None) -> None:
    """Take its keys from a registration: both, or only the next, or only the current one."""
    where = ssh_key.c.registration == identity
    if is_next is not None:
        where &= ssh_key.c.is_next == is_next
    connection.execute(ssh_key.delete().where(where))


def allowed_services(connection: Connection, identity: int) -> tuple[str, ...]:
    """Return the names that the services of a registration must have; none: any."""
    query = select(registration.c.allowed).where(registration.c.id == identity)
    return tuple(connection.execute(query).scalar_one())
