"""Who may stay: what follows from a login, a proven key, a revoked registration or element."""

import asyncio
import logging
from typing import Any

from ground2cloud.backchannel.limits import Buckets, Rate
from ground2cloud.core.clock import monotonic, wall
from ground2cloud.logs.fields import log
from ground2cloud.openssh.sshd.authorized import fingerprint
from ground2cloud.openssh.sshd.events import Denied, Refused
from ground2cloud.openssh.sshd.sessions import Session
from ground2cloud.registry.audit import Audit
from ground2cloud.registry.errors import RefusedError, RegistryError
from ground2cloud.registry.records import Registration
from ground2cloud.roles.gateway.book import Book
from ground2cloud.roles.gateway.keyring import Keyring
from ground2cloud.roles.gateway.lanes import Lanes
from ground2cloud.roles.gateway.reports import Reports
from ground2cloud.roles.gateway.routing import Router

_log = logging.getLogger(__name__)

PROVE_WITHIN = 30.0
"""Seconds after its login in which a lane with a new key must hold its ports to prove the key."""

_LOOK_EVERY = 0.05
_REFUSALS = Rate(20, 0.1)  # by source; strangers try keys all day, and the audit log is a file


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
        self._known: set[int] = set()
        self._elements: set[int] = set()
        self._ending: dict[int, asyncio.Task[None]] = {}
        self._to_cut: set[int] = set()
        self._to_cut_elements: set[int] = set()
        self._asked = 0
        self._done = 0
        self._refusals = Buckets(_REFUSALS)
        self._tasks: set[asyncio.Task[Any]] = set()

    async def begin(self) -> None:
        """Put the book in force at a start; end what an earlier gateway left of those who are gone.

        Raises:
            OSError: the keys can't be written.
        """
        self._take_over()
        self._to_cut.clear()  # the router is new: nobody is led anywhere yet
        await self._keyring.publish()
        await self._lanes.end_strays()
        left = await self._lanes.claims.end_unwelcome()
        if left:
            log(_log, logging.ERROR, "sessions-left", f"{left} revoked sessions can't be ended")

    @property
    def owes(self) -> bool:
        """Whether something that was to be put in force is not."""
        return self._done < self._asked or self._keyring.behind or self._lanes.strays.due

    async def enforce(self) -> None:
        """Put in force what has changed in the book; what fails stays owed, and the rest is done.

        The lanes of those who are gone end first, whether or not keys and router can be told:
        nobody of theirs comes in any more, since every login of theirs ends at once.

        Raises:
            OSError: the keys can't be written.
            RuntimeSocketError: the router did not take it, or not all of it.
        """
        self._asked += 1
        mine = self._asked
        for identity in self._take_over():
            self._ending[identity] = asyncio.create_task(self._end(identity))
        # Also those that another call, of the same change, has begun to end.
        await asyncio.shield(asyncio.gather(*self._ending.values()))
        if self._lanes.strays.due:
            await self._lanes.end_strays()
        await self._keyring.publish()
        await self._router.publish()
        while self._to_cut:
            await self._router.end(self._to_cut.pop())
        while self._to_cut_elements:
            await self._router.end_element(self._to_cut_elements.pop())
        self._done = max(self._done, mine)

    def hear(self, event: object) -> None:
        """Take an event of sshd's to the audit log, if it is a refusal."""
        match event:
            case Refused(fingerprint=key, source=source) if self._may_tell(source):
                self._audit.write("login-refused", wall(), address=source, key=key or None)
            case Denied(what=what, source=source, place=place) if self._may_tell(source):
                self._audit.write(
                    "forward-refused", wall(), address=source or None, what=what, place=place
                )
            case _:
                pass

    def login(self, session: Session) -> None:
        """Take a session that has just logged in."""
        self._known.add(session.registration)
        mine = self._book.registrations.get(session.registration)
        if mine is None:
            return
        self._reports.see(mine.id, wall(), session.source)
        if mine.next_key is not None and fingerprint(mine.next_key) == session.fingerprint:
            self._spawn(self._prove(session, mine.next_key))
        elif fingerprint(mine.key) != session.fingerprint:  # let in while its key was withdrawn
            self._spawn(self._lanes.end(mine.id, fingerprint=session.fingerprint))

    def _take_over(self) -> set[int]:
        """Compare the book with what was in force; answer who is gone since."""
        welcome = {each.id for each in self._book.registrations.values() if each.revoked_at is None}
        self._known |= self._book.registrations.keys()
        claims = self._lanes.claims
        gone = {each for each in self._known - welcome if not claims.is_barred(each)}
        for identity in gone:
            claims.bar(identity)
        for identity in welcome:
            claims.unbar(identity)
        elements = {each.id for each in self._book.elements if each.revoked_at is None}
        self._to_cut |= gone
        self._to_cut_elements |= self._elements - elements
        self._elements = elements
        return gone

    async def _end(self, identity: int) -> None:
        try:
            begun = monotonic()
            left = await self._lanes.end(identity)
        finally:
            del self._ending[identity]
        self._reports.forget(identity)
        took = round(monotonic() - begun, 3)
        text = f"the lanes of registration {identity} are ended after {took:.2f} s"
        if left:
            text = f"{left} lanes of registration {identity} can't be ended"
        log(_log, logging.ERROR if left else logging.INFO, "lanes-ended", text)
        self._audit.write("lanes-ended", wall(), registration=identity, left=left, took=took)

    async def _prove(self, session: Session, key: str) -> None:
        """Make a key the only one, once a lane that logged in with it is up."""
        deadline = monotonic() + PROVE_WITHIN
        while not await self._lanes.carries(session):
            if monotonic() > deadline or not session.alive:
                return
            await asyncio.sleep(_LOOK_EVERY)
        before = self._book.registrations.get(session.registration)
        if before is None or before.next_key != key:
            return
        try:
            proven = await self._book.change(lambda it: it.confirm_key(session.registration, key))
            await self._keyring.publish()
        except (RefusedError, RegistryError, OSError) as error:
            text = f"the new key of registration {session.registration} is not confirmed: {error}"
            log(_log, logging.ERROR, "key-unconfirmed", text)
            return
        await self._lanes.end(proven.id, fingerprint=fingerprint(before.key))
        self._tell_proven(proven, session)

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

    def _may_tell(self, source: str) -> bool:
        return self._refusals.take(source, monotonic()) == 0

    def _spawn(self, job: Any) -> None:  # noqa: ANN401 - a coroutine
        task = asyncio.create_task(job)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
