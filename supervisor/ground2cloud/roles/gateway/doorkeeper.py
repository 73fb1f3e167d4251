"""Who may stay: what follows from a login, a proven key, a revoked registration or element."""

import asyncio
import contextlib
import logging
from typing import Any

from ground2cloud.backchannel.limits import source_of
from ground2cloud.core.clock import monotonic, wall
from ground2cloud.logs.fields import log
from ground2cloud.openssh.sshd.authorized import fingerprint
from ground2cloud.openssh.sshd.events import Denied, Refused
from ground2cloud.openssh.sshd.sessions import Session
from ground2cloud.registry.audit import Audit
from ground2cloud.registry.errors import RefusedError, RegistryError
from ground2cloud.registry.records import Registration
from ground2cloud.roles.gateway.book import Book, changed
from ground2cloud.roles.gateway.keyring import Keyring
from ground2cloud.roles.gateway.lanes import Lanes
from ground2cloud.roles.gateway.noting import Notes
from ground2cloud.roles.gateway.reports import Reports
from ground2cloud.roles.gateway.routing import Router

_log = logging.getLogger(__name__)

PROVE_WITHIN = 30.0
"""Seconds after its login in which a lane with a new key must hold its ports to prove the key."""

_LOOK_EVERY = 0.05


class Doorkeeper:
    """Acts on what sshd tells and on what the operator decides.

    Args:
        book: the registry.
        lanes: who is logged in.
        keyring: who may log in.
        router: who is led where.
        reports: what is known of agents.
        audit: the audit log.
    """

    def __init__(
        self,
        book: Book,
        lanes: Lanes,
        keyring: Keyring,
        router: Router,
        *,
        reports: Reports,
        audit: Audit,
    ) -> None:
        self._book = book
        self._lanes = lanes
        self._keyring = keyring
        self._router = router
        self._reports = reports
        self._audit = audit
        self._notes = Notes(audit)
        self._seen: dict[int, Registration] = {}
        self._due: set[int] = set()
        self._ending: dict[int, asyncio.Task[None]] = {}
        self._asked = 0
        self._done = 0
        self._proving: dict[int, float] = {}
        self.stuck: set[int] = set()
        """Registrations that have lanes which should end and don't; it is gone on with."""
        self._tasks: set[asyncio.Task[Any]] = set()

    async def begin(self) -> None:
        """Put the book in force at a start; end what an earlier gateway left of those who are gone.

        Raises:
            OSError: the keys can't be written.
        """
        self._take_over()
        # Also of those of whom the book knows nothing: their lanes outlived what ended them.
        self._due = set(self._lanes.claims.registrations())
        for identity in self._due:
            if not self._keys(identity):
                self._lanes.claims.bar(identity)
        await self._keyring.publish()
        await self._lanes.end_strays()
        await self._end_due()

    @property
    def owes(self) -> bool:
        """Whether something that was to be put in force is not."""
        return (
            self._done < self._asked
            or self._keyring.behind
            or self._lanes.strays.due
            or bool(self._due or self._lanes.claims.overstaying())
            or bool(changed(self._seen, self._book.registrations))
        )

    async def enforce(self) -> None:
        """Put in force what has changed in the book; what fails stays owed, and the rest is done.

        The lanes of those who are gone end first, whether or not keys and router can be told:
        nobody of theirs comes in any more, since every login of theirs ends at once. So do those of
        a key that its registration has no more.

        Raises:
            OSError: the keys can't be written.
            RuntimeSocketError: the router did not take it, or not all of it.
        """
        self._asked += 1
        mine = self._asked
        self._take_over()
        self._due |= self._lanes.claims.overstaying()
        await self._end_due()
        if self._lanes.strays.due:
            await self._lanes.end_strays()
        await self._keyring.publish()
        await self._router.publish()
        self._done = max(self._done, mine)

    def hear(self, event: object) -> None:
        """Take an event of sshd's to the audit log, if it is a refusal."""
        match event:
            case Refused(fingerprint=key, source=source):
                who = source_of(source)
                self._notes.write(who, "login-refused", address=source, key=key or None)
            case Denied(what=what, source=source, place=place):
                fields = {"address": source or None, "what": what, "place": place}
                self._notes.write(source_of(source), "forward-refused", **fields)
            case _:
                pass

    def login(self, session: Session) -> None:
        """Take a session that has just logged in."""
        mine = self._book.registrations.get(session.registration)
        if mine is None or session.fingerprint not in self._keys(mine.id):
            self._begin_to_end(session.registration)  # let in while its key was withdrawn
            return
        self._reports.see(mine.id, wall(), session.source)
        if mine.next_key is not None and fingerprint(mine.next_key) == session.fingerprint:
            self._begin_to_prove(mine.id)

    def surplus(self, registration: int, ended: int) -> None:
        """Take to the audit log that a registration had too many sessions."""
        self._notes.write(registration, "sessions-surplus", registration=registration, ended=ended)

    def _take_over(self) -> None:
        """Compare the book with what was in force: whose lanes are to end, in whole or in part."""
        claims, registrations = self._lanes.claims, dict(self._book.registrations)
        news = changed(self._seen, registrations)
        self._seen = registrations
        for identity in news:
            if self._keys(identity):
                claims.unbar(identity)
                if self._lanes.of(identity):
                    self._due.add(identity)
            elif not claims.is_barred(identity):
                claims.bar(identity)
                self._due.add(identity)

    def _keys(self, identity: int) -> frozenset[str]:
        """The fingerprints of a registration's present keys; none if it is gone."""
        mine = self._book.registrations.get(identity)
        if mine is None or mine.revoked_at is not None:
            return frozenset()
        return frozenset(fingerprint(key) for key in (mine.key, mine.next_key) if key is not None)

    async def _end_due(self) -> None:
        """End the lanes that should not be; also those that another call has begun to end."""
        for identity in tuple(self._due):
            self._begin_to_end(identity)
        await asyncio.shield(asyncio.gather(*self._ending.values()))

    def _begin_to_end(self, identity: int) -> None:
        self._due.discard(identity)
        before = self._ending.get(identity)
        self._ending[identity] = asyncio.create_task(self._end(identity, before))

    async def _end(self, identity: int, before: asyncio.Task[None] | None) -> None:
        """End the lanes of a registration that are not of its present keys."""
        try:
            if before is not None:
                await asyncio.wait({before})
            begun = monotonic()
            keys = self._keys(identity)
            doomed = [each for each in self._lanes.of(identity) if each.fingerprint not in keys]
            left = await self._lanes.end(identity, keep=keys) if doomed or not keys else 0
        except BaseException:
            self._due.add(identity)
            raise
        finally:
            if self._ending.get(identity) is asyncio.current_task():
                del self._ending[identity]
        if not keys:
            self._reports.forget(identity)
        if doomed or left or not keys or identity in self.stuck:
            self._tell_ended(identity, left, monotonic() - begun, gone=not keys)

    def _tell_ended(self, identity: int, left: int, took: float, *, gone: bool) -> None:
        """Log what became of the lanes of a registration; of those that don't end, once."""
        whose = f"of registration {identity}" + ("" if gone else " that have a former key")
        if left:
            self._due.add(identity)
            if identity in self.stuck:
                return
            self.stuck.add(identity)
            log(_log, logging.ERROR, "lanes-ended", f"{left} lanes {whose} can't be ended")
        else:
            self.stuck.discard(identity)
            text = f"the lanes {whose} are ended after {took:.2f} s"
            log(_log, logging.INFO, "lanes-ended", text)
        took = round(took, 3)
        self._audit.write("lanes-ended", wall(), registration=identity, left=left, took=took)

    def _begin_to_prove(self, identity: int) -> None:
        under_way = identity in self._proving
        self._proving[identity] = monotonic() + PROVE_WITHIN
        if not under_way:
            self._spawn(self._prove(identity))

    async def _prove(self, identity: int) -> None:
        """Make a key the only one, once a lane that logged in with it is up.

        One at a time looks at all of a registration: somebody may log in again and again.
        """
        try:
            while monotonic() < self._proving[identity]:
                mine = self._book.registrations.get(identity)
                key = mine.next_key if mine is not None else None
                if key is None:
                    return
                proof = fingerprint(key)
                with_it = [it for it in self._lanes.of(identity) if it.fingerprint == proof]
                if not with_it:
                    return
                for session in with_it:
                    if await self._lanes.carries(session):
                        await self._confirm(session, key)
                        return
                await asyncio.sleep(_LOOK_EVERY)
        finally:
            del self._proving[identity]

    async def _confirm(self, session: Session, key: str) -> None:
        try:
            proven = await self._book.change(lambda it: it.confirm_key(session.registration, key))
        except (RefusedError, RegistryError) as error:
            text = f"the new key of registration {session.registration} is not confirmed: {error}"
            log(_log, logging.ERROR, "key-unconfirmed", text)
            return
        self._tell_proven(proven, session)
        self._begin_to_end(proven.id)
        with contextlib.suppress(OSError):  # it is owed then
            await self._keyring.publish()

    def _tell_proven(self, proven: Registration, session: Session) -> None:
        text = f"registration {proven.id} has a new key"
        log(_log, logging.INFO, "key-proven", text)
        self._audit.write(
            "key-proven",
            wall(),
            registration=proven.id,
            address=session.source,
            key=session.fingerprint,
        )

    def _spawn(self, job: Any) -> None:  # noqa: ANN401 - a coroutine
        task = asyncio.create_task(job)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
