"""The registry: who is registered with which ports, who is invited, and which elements may call.

Every method is one transaction: a kill at any moment leaves what it would have written whole or
absent, and what was answered is on the disk. What is refused has written nothing. The methods
block; they may be called from several threads, and from several processes on one database.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace

from sqlalchemy import ColumnElement, Connection, bindparam, func, update

from ground2cloud.config.model import Kind
from ground2cloud.registry import checks
from ground2cloud.registry.allotting import write_services
from ground2cloud.registry.database import Database, number, touch
from ground2cloud.registry.elements import mark_revoked, write_element
from ground2cloud.registry.errors import RefusedError
from ground2cloud.registry.joining import (
    allowed_services,
    drop_keys,
    use_invite,
    write_invite,
    write_key,
    write_registration,
)
from ground2cloud.registry.reading import (
    read_active,
    read_by_token,
    read_elements,
    read_gone,
    read_registration,
    read_registrations,
)
from ground2cloud.registry.records import (
    Element,
    Grant,
    Invite,
    News,
    PortRange,
    Registration,
    Sighting,
)
from ground2cloud.registry.tables import element, registration, ssh_key
from ground2cloud.registry.tokens import digest, new_token

VERSION = 64
ADDRESS = 64
ERROR = 500
"""Most characters kept of what an agent says."""


class Registry:
    """The records of one gateway, or of several that share a database.

    Every method raises RegistryError when the database can't be used now.

    Args:
        url: see `Database`.
        ports: the tunnel ports there are.
        upgrades: see `Database`.

    Raises:
        UnusableRegistryError: see `Database`.
    """

    def __init__(self, url: str, ports: PortRange | None = None, *, upgrades: bool = False) -> None:
        self._database = Database(url, upgrades=upgrades)
        self._ports = ports or PortRange()

    @property
    def where(self) -> str:
        """The database, in words that may be shown."""
        return self._database.where

    def offer(self, ports: PortRange) -> None:
        """Give services these tunnel ports from now on; those that have one keep it."""
        self._ports = ports

    def close(self) -> None:
        """Close the database."""
        self._database.close()

    def changes(self) -> int:
        """Return a number that grows with every change of registrations, keys, ports or elements.

        What other processes change is seen by it too; `seen` doesn't count.
        """
        with self._database.reading() as connection:
            return number(connection, "changes")

    def since(self, change: int) -> News:
        """Return what changed after the change of this number; all there is after -1.

        All there is, too, where there was no change of this number yet: the database was put back
        to an older state. It takes as long as there is news, not as there are registrations.
        """
        with self._database.reading() as connection:
            counted = number(connection, "changes")
            if counted == change:
                return News(counted, (), (), ())
            if counted < change:
                change = -1
            return News(
                counted,
                tuple(read_registrations(connection, since=change)),
                tuple(read_gone(connection, change)),
                tuple(read_elements(connection, element.c.changed > change)),
                whole=change < 0,
            )

    # Invites and registrations

    def invite(self, invite: Invite, now: float) -> str:
        """Make an invite and return its token, which is kept nowhere.

        Raises:
            RefusedError: bad-name, bad-service, too-many-services, bad-time;
                unknown-registration or revoked, of the registration to renew.
        """
        token = new_token()
        checks.check_service_names(invite.services)
        checks.check_time(invite.expires_at)
        name = invite.name and checks.check_name(invite.name)
        with self._database.writing() as connection:  # neither routes nor keys depend on it
            write_invite(connection, replace(invite, name=name or None), digest(token), now)
        return token

    def register(
        self,
        token_hash: str,
        key: str,
        name: str,
        services: Sequence[tuple[str, Kind]],
        *,
        agent_token_hash: str,
        now: float,
    ) -> Registration:
        """Make a registration of an invite, or renew the one that the invite is for.

        Args:
            token_hash: SHA-256 of the join string's token.
            key: the agent's public key.
            name: the agent's name for itself; the invite's goes before.
            services: names and kinds, in the agent's order.
            agent_token_hash: SHA-256 of the token that the agent will show from now on.
            now: the time.

        Raises:
            RefusedError: token-unknown, token-used, token-expired, agent-token-in-use, bad-key,
                key-in-use, bad-name, bad-service, too-many-services, service-not-allowed,
                no-free-port; revoked, of the registration to renew.
        """
        checks.check_digest(agent_token_hash)
        checks.check_key(key)
        name = checks.check_name(name)
        with self._database.changing() as connection:
            invite = use_invite(connection, token_hash, now)
            identity = write_registration(connection, invite, name, agent_token_hash, now)
            write_key(connection, identity, key, is_next=False)
            self._write_services(connection, identity, services, now)
            touch(connection, registration, [identity])
            return read_registration(connection, identity)

    def _write_services(
        self,
        connection: Connection,
        identity: int,
        services: Sequence[tuple[str, Kind]],
        now: float,
    ) -> None:
        wanted = checks.check_services(services, allowed_services(connection, identity))
        write_services(connection, identity, wanted, now, self._ports)

    def registrations(self) -> tuple[Registration, ...]:
        """Return all registrations by ID, revoked ones too, unregistered ones not."""
        with self._database.reading() as connection:
            return tuple(read_registrations(connection))

    def registration(self, identity: int) -> Registration:
        """Return one registration, also a revoked one.

        Raises:
            RefusedError: unknown-registration.
        """
        with self._database.reading() as connection:
            return read_registration(connection, identity)

    def by_token(self, agent_token_hash: str) -> Registration:
        """Return the registration whose agent has this token.

        Raises:
            RefusedError: agent-unknown, revoked.
        """
        with self._database.reading() as connection:
            return read_by_token(connection, agent_token_hash)

    # What an agent may change of its own. Its token decides in the very change: between a look at
    # it and the change, another machine may have taken the registration over.

    def set_services(
        self, agent_token_hash: str, services: Sequence[tuple[str, Kind]], now: float
    ) -> Registration:
        """Make these the services of a registration; one that keeps its name keeps its port.

        The port of a service that is left out stays reserved for its name.

        Raises:
            RefusedError: bad-service, too-many-services, service-not-allowed, no-free-port,
                agent-unknown, revoked.
        """
        with self._database.changing() as connection:
            identity = read_by_token(connection, agent_token_hash).id
            self._write_services(connection, identity, services, now)
            touch(connection, registration, [identity])
            return read_registration(connection, identity)

    def propose_key(self, agent_token_hash: str, key: str) -> Registration:
        """Let a registration use another key beside its own, until it is confirmed.

        Proposing another one takes the place of the one proposed before; its own takes that back.

        Raises:
            RefusedError: bad-key, key-in-use, agent-unknown, revoked.
        """
        checks.check_key(key)
        with self._database.changing() as connection:
            found = read_by_token(connection, agent_token_hash)
            if (found.next_key or found.key) != key:
                drop_keys(connection, found.id, is_next=True)
                if key != found.key:
                    write_key(connection, found.id, key, is_next=True)
                touch(connection, registration, [found.id])
            return read_registration(connection, found.id)

    def confirm_key(self, identity: int, key: str) -> Registration:
        """Make the proposed key the only one; nothing changes when it is that already.

        Raises:
            RefusedError: unknown-key, when it was not proposed; unknown-registration, revoked.
        """
        with self._database.changing() as connection:
            found = read_active(connection, identity)
            if key not in {found.key, found.next_key}:
                raise RefusedError("unknown-key", "this key was not proposed")
            if key == found.next_key:
                drop_keys(connection, identity, is_next=False)
                row = ssh_key.c.key == key
                connection.execute(ssh_key.update().where(row).values(is_next=False))
                touch(connection, registration, [identity])
            return read_registration(connection, identity)

    def unregister(self, agent_token_hash: str, now: float) -> int:
        """Forget a registration's key and token; its ID, the answer, and ports stay for `renews`.

        Raises:
            RefusedError: agent-unknown, revoked.
        """
        with self._database.changing() as connection:
            identity = read_by_token(connection, agent_token_hash).id
            drop_keys(connection, identity)
            self._update(connection, identity, token_hash=None, unregistered_at=now)
            return identity

    # What the gateway sees and its operator does

    def seen(self, sightings: Iterable[Sighting]) -> None:
        """Keep what was heard of agents, of many at once: it is one write to the disk."""
        rows = [
            {
                "identity": sighting.registration,
                "seen_at": sighting.at,
                "version": checks.clip(sighting.version, VERSION),
                "address": checks.clip(sighting.address, ADDRESS),
                "last_error": checks.clip(sighting.error, ERROR),
            }
            for sighting in sorted(sightings, key=lambda sighting: sighting.registration)
        ]
        if not rows:
            return
        columns = registration.c
        kept: dict[str, ColumnElement[str]] = {
            name: func.coalesce(bindparam(name), columns[name])
            for name in ("version", "address", "last_error")
        }
        statement = update(registration).where(columns.id == bindparam("identity"))
        with self._database.writing() as connection:
            connection.execute(statement.values(seen_at=bindparam("seen_at"), **kept), rows)

    def revoke(self, identity: int, now: float) -> Registration:
        """Refuse a registration, its token and its keys for good.

        Raises:
            RefusedError: unknown-registration.
        """
        with self._database.changing() as connection:
            if read_registration(connection, identity).revoked_at is None:
                self._update(connection, identity, revoked_at=now)
            return read_registration(connection, identity)

    @staticmethod
    def _update(connection: Connection, identity: int, **values: object) -> None:
        row = registration.c.id == identity
        connection.execute(registration.update().where(row).values(values))
        touch(connection, registration, [identity])

    # Elements

    def add_element(
        self,
        name: str,
        key_hash: str,
        grants: Sequence[Grant],
        now: float,
        *,
        expires_at: float | None = None,
        networks: Sequence[str] = (),
        connections: int | None = None,
        rate: int | None = None,
    ) -> Element:
        """Keep an element; the arguments are as in `Element`.

        Raises:
            RefusedError: bad-name, bad-grant, bad-network, bad-limit, bad-time, name-in-use,
                key-in-use; unknown-registration, revoked, unknown-service, when a grant leads
                nowhere.
        """
        given = Element(
            0,
            checks.check_name(name),
            checks.check_digest(key_hash),
            checks.check_grants(grants),
            now,
            None if expires_at is None else checks.check_time(expires_at),
            checks.check_networks(networks),
            checks.check_limit(connections, "connections"),
            checks.check_limit(rate, "requests a second"),
        )
        with self._database.changing() as connection:
            return write_element(connection, given)

    def elements(self) -> tuple[Element, ...]:
        """Return all elements by ID, also those that are revoked or have expired."""
        with self._database.reading() as connection:
            return tuple(read_elements(connection))

    def revoke_element(self, identity: int, now: float) -> Element:
        """Refuse an element's key for good; it stays in the list.

        Raises:
            RefusedError: unknown-element.
        """
        with self._database.changing() as connection:
            return mark_revoked(connection, identity, now)
