"""The lanes that are up: sshd's sessions, the ports they hold, and what follows from both."""

import asyncio
import contextlib
import itertools
import logging
from collections.abc import Callable, Collection, Iterable

from ground2cloud.core.clock import monotonic
from ground2cloud.logs.fields import log
from ground2cloud.openssh.sshd.authorized import KeyGrant
from ground2cloud.openssh.sshd.claims import Claim, Claimed, Claims
from ground2cloud.openssh.sshd.pacing import Admission, Pacing
from ground2cloud.openssh.sshd.sessions import Session, Sessions, held
from ground2cloud.openssh.sshd.strays import Strays
from ground2cloud.roles.gateway.listeners import Place, listening

_log = logging.getLogger(__name__)

_LOOK_FOR_PLACE = 0.2

QUICK = 0.02
"""Seconds between two looks while lanes are coming: a forward follows its login by some 10 ms."""

SLOW = 0.5
"""Seconds between two looks otherwise."""

QUICK_FOR = 2.0
"""Seconds after a login for which it is looked quickly."""

HOLD = 12.0
"""Seconds for which a claim is kept waiting for its answer: less than agents wait for one, with
time for their connection to be taken up."""

HELD = 300
"""Connections of agents beyond which nobody is kept waiting; there may be 512."""

QUIET = 60.0
"""Seconds without one session too many after which the next one is worth a line in the log."""

SHARE = 5
"""A look may take at most this part of the time: with thousands of ports it is done less often."""


class Lanes:
    """Hears sshd, watches the kernel's listening sockets, and ends sessions.

    Args:
        sessions: the record of who is logged in.
        strays: who is, and stands in no record.
        pacing: who may dial when.
        on_change: called with the places that came up or went down.
        on_login: called with every session that has just logged in.
        on_surplus: called with a registration, and how many of its sessions were ended because
            they were too many.
    """

    def __init__(
        self,
        sessions: Sessions,
        strays: Strays,
        pacing: Pacing,
        *,
        on_change: Callable[[frozenset[Place]], None],
        on_login: Callable[[Session], None],
        on_surplus: Callable[[int, int], None] = lambda _registration, _ended: None,
    ) -> None:
        self.up: frozenset[Place] = frozenset()
        self.since: dict[Place, float] = {}
        self.claims = Claims(sessions, self._tell_surplus)
        self.strays = strays
        self.pacing = pacing
        self._sessions = sessions
        self._granted: dict[int, KeyGrant] = {}
        self.trouble = ""
        """Why a gateway that comes after this one would not know all lanes; empty if it would."""
        self._stray_trouble = ""
        self._unseen: list[object] = []
        self._surplus_at: dict[int, float] = {}
        self._on_change = on_change
        self._on_login = on_login
        self._on_surplus = on_surplus
        self._poked = asyncio.Event()
        self._quick_until = 0.0
        self._watching = True
        self._closing = False

    def hear(self, event: object) -> None:
        """Take an event of sshd's."""
        trouble = self._take(event)
        if trouble is not None:
            if not self._unseen:
                text = f"can't see who logs in: {trouble.strerror or trouble}; trying again"
                log(_log, logging.ERROR, "login-unseen", text)
            self._unseen.append(event)

    def _take(self, event: object) -> OSError | None:
        """Take an event; answer why it can't be taken now."""
        now = monotonic()
        try:
            session = self.claims.hear(event, now)
        except OSError as error:
            return error
        if session is not None:
            self.pacing.arrived(session.registration, now)
            self._on_login(session)
        self.poke(now)
        return None

    def poke(self, now: float) -> None:
        """Look often for a while: something is about to change."""
        self._quick_until = now + QUICK_FOR
        self._poked.set()

    def own(self, grants: Iterable[KeyGrant]) -> None:
        """Learn whose keys these are."""
        for grant in grants:
            self._granted[grant.registration] = grant
            self._sessions.own([grant])

    def of(self, registration: int) -> tuple[Session, ...]:
        """The living sessions of a registration, the oldest first."""
        return self.claims.sessions_of(registration)

    async def claim(
        self, registration: int, slot: str, ports: set[int], older_than: float
    ) -> Claim:
        """End the stale holder of a slot."""
        answer = await self.claims.claim(registration, slot, ports, older_than=older_than)
        if answer.outcome is Claimed.ENDED:
            self.look()  # what comes up there from now on is another lane
        self.poke(monotonic())
        return answer

    async def turn(self, registration: int, slot: str, *, load: float, crowd: int) -> Admission:
        """Wait until a lane may be dialled, `HOLD` seconds at most; answer what came of it.

        An answer that comes late costs nothing; a claim that is made again costs 6 ms. A lane that
        has come meanwhile waits for no answer any more, and needs no place.
        """
        begun = monotonic()
        deadline = begun + HOLD
        while True:
            now = monotonic()
            if self.came_since(registration, slot, begun):
                return Admission(0.0)
            admission = self.pacing.ask(registration, now, load=load, crowd=crowd)
            if not admission.again or now >= deadline or crowd > HELD or self._closing:
                return admission
            await asyncio.sleep(_LOOK_FOR_PLACE)

    def came_since(self, registration: int, slot: str, moment: float) -> bool:
        """Whether the lane of a slot has come up since a moment."""
        grant = self._granted.get(registration)
        ports = grant.ports if grant is not None else ()
        return any(self.since.get((slot, port), moment) > moment for port in ports)

    def close(self) -> None:
        """Keep nobody waiting any more."""
        self._closing = True

    async def end(self, registration: int, *, keep: Collection[str] = ()) -> int:
        """End a registration's sessions but those of some keys; answer how many could not be.

        Args:
            registration: whose.
            keep: the fingerprints of the keys.
        """
        left = await self.claims.end_sessions(registration, keep=keep)
        self.look()
        if not keep and (places := self._held(registration)):
            try:
                left += await self.strays.end_on(places)
            except (OSError, RuntimeError):  # as in `Claims`
                left += 1
            self.look()
        return left

    def settle(self) -> None:
        """Do what could not be done at once: see who logged in, write it down for the next one."""
        self._unseen = [event for event in self._unseen if self._take(event) is not None]
        self._sessions.settle()
        if self.strays.behind:
            self.strays.settle()
        trouble = self._sessions.trouble
        if trouble and not self.trouble:
            log(_log, logging.ERROR, "lanes-unwritten", trouble)
        elif self.trouble and not trouble:
            log(_log, logging.INFO, "lanes-written", "the record of lanes is written again")
        self.trouble = trouble

    async def end_strays(self, *, over: bool = False) -> None:
        """End what former listeners left that is in no record; `over`: the present one is, too.

        Where it fails, `strays.due` says that it is to be done again.
        """
        trouble = ""
        try:
            found, left = await self.strays.end_former(over=over)
        except (OSError, RuntimeError) as error:
            trouble = f"can't look for connections of a former sshd: {error}"
        else:
            if found > left:
                text = f"ended {found - left} connections of a former sshd that had no record"
                log(_log, logging.INFO, "strays-ended", text)
            if left:
                trouble = f"{left} connections of a former sshd can't be ended"
        if trouble and trouble != self._stray_trouble:
            log(_log, logging.ERROR, "strays-left", trouble)
        self._stray_trouble = trouble

    async def carries(self, session: Session) -> bool:
        """Whether a session holds ports now: its lane is up."""
        try:
            return bool((await asyncio.to_thread(held, (session,)))[session])
        except OSError:
            return False  # can't be seen now

    def look(self) -> None:
        """See which places are listened on, and tell of those that changed."""
        try:
            up = listening()
        except OSError as error:
            if self._watching:
                text = f"can't see which ports are listened on: {error.strerror or error}"
                log(_log, logging.ERROR, "listeners-unseen", text)
            self._watching = False
            return
        self._watching = True
        changed = up ^ self.up
        if not changed:
            return
        now = monotonic()
        self.since = {place: self.since.get(place, now) for place in up}
        self.up = up
        self._on_change(changed)

    async def watch(self) -> None:
        """Look again and again, until cancelled."""
        while True:
            begun = monotonic()
            self._poked.clear()
            self.look()
            now = monotonic()
            pause = max(QUICK if now < self._quick_until else SLOW, SHARE * (now - begun))
            if pause <= QUICK:
                await asyncio.sleep(pause)
                continue
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(pause):
                    await self._poked.wait()

    def _tell_surplus(self, registration: int, ended: int) -> None:
        """Log it once for all that follow each other."""
        now = monotonic()
        if now - self._surplus_at.get(registration, -QUIET) >= QUIET:
            text = (
                f"registration {registration} has more sessions than its lanes need: {ended} are"
                " ended, and so are all that come beyond those"
            )
            log(_log, logging.WARNING, "sessions-surplus", text)
        self._surplus_at[registration] = now
        self._on_surplus(registration, ended)

    def _held(self, registration: int) -> frozenset[Place]:
        """The places of a registration on which there is a lane."""
        grant = self._granted.get(registration)
        if grant is None:
            return frozenset()
        return self.up & frozenset(itertools.product(grant.slots, grant.ports))
