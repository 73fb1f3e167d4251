"""Take a slot back from a session that is dead and does not know it; end what is revoked.

A dead client's session holds its ports until sshd gives it up, half a minute later. The holder is
found by its LISTEN socket and ended only if the record proves it a session of this gateway's sshd
(whose process said so, on its own pipe, and which is still the same process) and of this very
registration. Whatever else holds a port is never touched.

What a look costs grows with the sessions that the claimer has, so nobody has more of them than a
good agent ever would: sshd itself does not count those of one key.
"""

import asyncio
import contextlib
import errno
import socket
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from enum import StrEnum

import psutil

from ground2cloud.core.clock import monotonic
from ground2cloud.openssh.sshd.ending import end_processes
from ground2cloud.openssh.sshd.sessions import NOBODY, Session, Sessions, held, processes_of

GRACE = 0.3
"""Seconds between SIGTERM and SIGKILL; a session ends 7 ms after SIGTERM unless it is stopped."""

LIMIT = 0.9
"""Seconds for the end of everything: what is revoked is gone within one."""

AT_ONCE = 4
"""Claims that are looked into at one time; the others wait for their turn."""

_ALL = "0.0.0.0"  # noqa: S104 - looked for, not listened on


class Claimed(StrEnum):
    """What became of a claim."""

    FREE = "free"
    """Nobody held one of the ports."""
    ENDED = "ended"
    """A session of this registration held them, and is gone."""
    SPARED = "spared"
    """A session of this registration holds them that logged in a moment ago: the new lane."""
    FOREIGN = "foreign"
    """Something that is no session of this registration holds one of the ports; what it held of
    the others itself is ended all the same."""
    STUCK = "stuck"
    """The holder could not be ended in time."""


@dataclass(frozen=True, slots=True)
class Claim:
    """The answer to a claim.

    Args:
        outcome: what became of it.
        sessions: those that were ended, spared or stuck; for FOREIGN those that were to be ended.
        holder: for FOREIGN, who has the port: `nginx (pid 812)`; empty if that can't be seen.
        took: seconds.
    """

    outcome: Claimed
    sessions: tuple[Session, ...] = ()
    holder: str = ""
    took: float = 0.0


class Claims:
    """Acts on the sessions of a record; the look and the end happen in threads.

    Args:
        sessions: the record.
        on_surplus: called with a registration, and how many of its sessions were ended because
            they were too many.
    """

    def __init__(
        self,
        sessions: Sessions,
        on_surplus: Callable[[int, int], object] = lambda _registration, _ended: None,
    ) -> None:
        self._sessions = sessions
        self._on_surplus = on_surplus
        self._turn = asyncio.Semaphore(AT_ONCE)
        self._barred: set[int] = set()
        self._ending: set[asyncio.Task[int]] = set()
        self._thinning: dict[int, asyncio.Task[None]] = {}

    def hear(self, event: object, now: float) -> Session | None:
        """Take an event of sshd's; a session that may not be (any more) is ended at once.

        So is, soon, what its registration has too many with it: see `surplus` of the record.
        Answers the session that has just logged in, if it is one and may stay.

        Raises:
            OSError: its process can't be looked at now.
        """
        session = self._sessions.hear(event, now)
        if session is None:
            return None
        if not self.is_welcome(session):
            self._end_soon(session)
            return None
        mine = session.registration
        if mine not in self._thinning and self._sessions.surplus(mine):
            self._thinning[mine] = asyncio.create_task(self._thin(mine))
        return session

    def is_welcome(self, session: Session) -> bool:
        """Whether a session is of a registration that exists and is not revoked."""
        return session.registration > 0 and not self.is_barred(session.registration)

    def is_barred(self, registration: int) -> bool:
        """Whether a registration's sessions may not be."""
        return registration in self._barred

    def bar(self, registration: int) -> None:
        """End, from now on, every session of a registration in the moment it logs in.

        Without it one that was being let in while the key was withdrawn would stay.
        """
        self._barred.add(registration)

    def unbar(self, registration: int) -> None:
        """Let a registration's sessions be again."""
        self._barred.discard(registration)

    def sessions_of(self, registration: int) -> tuple[Session, ...]:
        """Return the living sessions of a registration, the oldest first."""
        return self._sessions.of(registration)

    async def claim(
        self, registration: int, slot: str, ports: Collection[int], *, older_than: float = 0.0
    ) -> Claim:
        """End the session of a registration that holds ports on a slot.

        Args:
            registration: who claims.
            slot: the loopback address.
            ports: of its services, those that a lane binds.
            older_than: a session that logged in fewer seconds ago is spared: it may be the lane
                for which the slot is claimed. The seconds since the agent began to dial, and a
                little more for the way of the request.
        """
        start = monotonic()
        places = {(slot, port) for port in ports}
        async with self._turn:
            mine = self._sessions.of(registration)
            claim = await asyncio.to_thread(_settle, mine, places, start - older_than)
            now = self._sessions.of(registration)
            if claim.outcome is Claimed.FOREIGN and not set(now) <= set(mine):
                # A lane that logged in during the look: whose it is was heard only now.
                claim = await asyncio.to_thread(_settle, now, places, start - older_than)
        return Claim(claim.outcome, claim.sessions, claim.holder, monotonic() - start)

    def registrations(self) -> frozenset[int]:
        """Return those of which there are sessions."""
        return frozenset(session.registration for session in self._sessions.all())

    def overstaying(self) -> frozenset[int]:
        """Return those of which there are sessions that may not be."""
        return frozenset(each for each in (NOBODY, *self._barred) if self._sessions.of(each))

    async def end_sessions(self, registration: int, *, keep: Collection[str] = ()) -> int:
        """End the sessions of a registration within a second; answer how many could not be.

        Args:
            registration: whose.
            keep: the fingerprints of the keys whose sessions stay.
        """
        mine = self._sessions.of(registration)
        return await self._end(session for session in mine if session.fingerprint not in keep)

    async def end_all(self) -> int:
        """End every session; answer how many could not be ended."""
        return await self._end(self._sessions.all())

    async def _end(self, sessions: Iterable[Session]) -> int:
        doomed = tuple(sessions)
        if not doomed:
            return 0
        try:
            return len(await asyncio.to_thread(_end, doomed))
        except (OSError, RuntimeError):  # no descriptor is free, or no thread can be had
            return len(doomed)

    def _end_soon(self, session: Session) -> None:
        task = asyncio.create_task(self._end((session,)))
        self._ending.add(task)
        task.add_done_callback(self._ending.discard)

    async def _thin(self, registration: int) -> None:
        """End what a registration has too many, also of those that log in meanwhile.

        What can't be ended now is left to the next login.
        """
        try:
            while surplus := self._sessions.surplus(registration):
                mine = self._sessions.of(registration)
                doomed = await asyncio.to_thread(_least_wanted, mine, surplus)
                left = await self._end(doomed)
                self._on_surplus(registration, surplus - left)
                if left:
                    return
        except (OSError, RuntimeError):  # as in `_end`
            return
        finally:
            del self._thinning[registration]


def _settle(mine: Iterable[Session], places: Collection[tuple[str, int]], before: float) -> Claim:
    """Look who holds the places, and end those sessions that logged in before then."""
    open_places = set(places)
    holders = []
    for session, all_places in held(mine).items():
        theirs = all_places & open_places
        open_places -= theirs
        if theirs:
            holders.append(session)
    stale = tuple(session for session in holders if session.accepted_at < before)
    left = _end(stale)
    # Only now: what somebody else holds must not protect what is stale on the other ports.
    if any(_is_taken(place) for place in open_places):
        return Claim(Claimed.FOREIGN, stale, _holder(open_places))
    if left:
        return Claim(Claimed.STUCK, left)
    if stale:
        return Claim(Claimed.ENDED, stale)
    return Claim(Claimed.SPARED if holders else Claimed.FREE, tuple(holders))


def _least_wanted(sessions: Iterable[Session], count: int) -> list[Session]:
    """Return so many of them: the oldest of those that hold no place, then the newest of the rest.

    The newest of those that hold none may be just about to: a lane opens its ports 10 ms after its
    login. What carries something stays where it was first.
    """
    places = held(sessions)
    idle = [session for session in places if not places[session]]
    busy = [session for session in places if places[session]]
    return [*idle, *reversed(busy)][:count]


def _end(sessions: Collection[Session]) -> tuple[Session, ...]:
    processes = {
        process: session for session, mine in processes_of(sessions).items() for process in mine
    }
    left = end_processes(processes, grace=GRACE, limit=LIMIT)
    return tuple({processes[process] for process in left})


def _is_taken(place: tuple[str, int]) -> bool:
    """Whether a process listens there; never by a connection, which would go to the application.

    A place that the new lane is about to open is not disturbed: with SO_REUSEADDR, which sshd sets
    too, several may hold it as long as nobody listens.
    """
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as trial:
        trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            trial.bind(place)
        except OSError as error:
            return error.errno == errno.EADDRINUSE
    return False


def _holder(places: Collection[tuple[str, int]]) -> str:
    """Name a process that has one of the places, empty if it can't be seen.

    One that listens there before one that has a connection from there: Linux takes local ports for
    connections too, from 32768 on.
    """
    with contextlib.suppress(psutil.Error):
        seen = psutil.net_connections("tcp4")
        for at in sorted(seen, key=lambda at: at.status != psutil.CONN_LISTEN):
            if not at.pid or not at.laddr:
                continue
            slots = {slot for slot, port in places if port == at.laddr.port}
            if slots and at.laddr.ip in {*slots, _ALL}:
                return f"{psutil.Process(at.pid).name()} (pid {at.pid})"
    return ""
