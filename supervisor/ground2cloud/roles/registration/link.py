"""The running agent's line to the backchannel: services, heartbeats, claims.

Nothing here stands between an application and its caller: a backchannel that is down, hangs, lies
or refuses is told and asked again later, and every lane goes on as it is.
"""

import asyncio
import contextlib
import logging
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial

from msgspec.structs import replace

from ground2cloud.backchannel.client import Client
from ground2cloud.backchannel.errors import RefusedError, SilentError, Slug
from ground2cloud.backchannel.messages import (
    AllottedService,
    ClaimAnswer,
    HeartbeatAnswer,
    HeartbeatRequest,
    Notice,
)
from ground2cloud.config.identity import Allotted, Endpoint, Identity
from ground2cloud.config.model import Kind
from ground2cloud.core.backoff import BackoffPolicy
from ground2cloud.core.clock import monotonic
from ground2cloud.errors import Ground2CloudError
from ground2cloud.logs.fields import log
from ground2cloud.roles.registration.asking import ask, client_of
from ground2cloud.roles.registration.store import Store

_log = logging.getLogger(__name__)

CALL = 10.0
"""Seconds for one call; the gateway answers in milliseconds."""

CLAIM = 20.0
"""Seconds for which a lane waits for the answer to its claim before it dials all the same.

A gateway to which two hundred agents come back at once has many claims to answer, and what would
keep it from that is those who dial without an answer: with 8 s a third of them did, on two slow
processors, and up to 23 of them failed.
"""

CLAIM_IN_DOUBT = 0.5
"""The same, when the backchannel was silent the time before."""

LONGEST_PACE = 15.0
"""Seconds for which a lane waits at most when the gateway asks it to dial or to claim later."""

SOONEST_CLAIM = 0.25
"""Seconds between two claims of a slot at least, whatever the gateway asks for."""

LONGEST_TURN = 120.0
"""Seconds after which a lane dials, however often the gateway asks it to claim once more."""

AGAIN = BackoffPolicy(initial=2.0, maximum=30.0, reset_after=0.0)
"""How long to wait after a call that failed."""

REFUSED_AGAIN = 60.0
"""Seconds to wait where the gateway knows us no more: only a person can change that."""

SOONEST = 1.0
"""Seconds between two heartbeats at least, whatever happens in between."""

DOUBTED = 5.0
"""Seconds until the next heartbeat after a path was found broken; each time twice as many."""

SKEWED = 60.0
"""Seconds between the two clocks that are worth a line in the log."""

# What a gateway has against the services themselves; anything else it may say of any call.
_OF_SERVICES = {Slug.CONFLICT, Slug.JOIN_SERVICES, Slug.MALFORMED, Slug.NO_PORTS}

Wanted = tuple[tuple[str, Kind], ...]


@dataclass
class State:
    """What is known of the backchannel; moments are monotonic seconds.

    `up` is None before the first answer. `refusal` is what the gateway refuses although it answers.
    """

    up: bool | None = None
    at: float | None = None
    detail: str = ""
    refusal: str = ""
    skew: float | None = None
    round_trip: float | None = None


class Link:
    """Keeps the gateway informed, and this agent informed by it.

    Args:
        store: where what the gateway changes is kept.
        report: makes the heartbeat.
        wanted: the services as configured now.
        on_change: called on the loop with the identity after the gateway changed it.
        prove: has the lanes' paths proved, after each heartbeat, with the seconds until the next
            one; answers whether they are good.
    """

    def __init__(
        self,
        store: Store,
        report: Callable[[], HeartbeatRequest],
        wanted: Callable[[], Wanted],
        on_change: Callable[[Identity], None],
        prove: Callable[[Identity, float], Awaitable[bool]],
    ) -> None:
        self.state = State()
        self._store = store
        self._report = report
        self._wanted = wanted
        self._on_change = on_change
        self._prove = prove
        self._identity: Identity | None = None
        self._poked = asyncio.Event()
        self._closed = asyncio.Event()
        self._failures = 0
        self._doubts = 0
        self._silent = False
        self._answers: dict[str, ClaimAnswer] = {}
        self._told: frozenset[Notice] = frozenset()
        self._unkept = ""  # why the disk did not take the newest change
        # What the gateway was told since it was last away, and what it allotted for that.
        self._agreed: tuple[Wanted, tuple[Allotted, ...]] | None = None
        self._task: asyncio.Task[None] | None = None

    def use(self, identity: Identity | None) -> None:
        """Speak for this registration from now on; for nobody with None."""
        before, self._identity = self._identity, identity
        self._failures = 0
        if identity is None or not identity.is_same(before):
            self.state = State()
            self._silent = False
            self._answers.clear()
            self._told = frozenset()
            self._agreed = None
        self.poke()

    def poke(self) -> None:
        """Something is different: tell the gateway soon."""
        self._poked.set()

    def start(self) -> None:
        """Begin."""
        self._task = asyncio.create_task(self._keep(), name="backchannel")

    def close(self) -> None:
        """Ask no more, and let no lane wait any more."""
        self._closed.set()
        if self._task is not None:
            self._task.cancel()

    async def claim(self, slot: str) -> ClaimAnswer | None:
        """Have the stale holder of a slot ended, and wait until it is our turn to dial.

        Whatever goes wrong, the lane may dial: `CLAIM` seconds without an answer are enough, and
        whatever the gateway answers, `LONGEST_TURN`. Answers with the gateway's last word on this
        slot, which may be about an earlier lane; None if there is none.
        """
        identity = self._identity
        if identity is None or self._closed.is_set():
            return None
        turn = asyncio.create_task(self._wait_for_turn(identity, slot))
        closed = asyncio.create_task(self._closed.wait())
        try:
            await asyncio.wait(
                {turn, closed}, timeout=LONGEST_TURN, return_when=asyncio.FIRST_COMPLETED
            )
            if turn.done():
                turn.result()
            elif not closed.done():
                message = f"dialling on slot {slot} without a turn: none for {LONGEST_TURN:g} s"
                log(_log, logging.WARNING, "claim-endless", message)
        except Ground2CloudError as error:
            self._silent = isinstance(error, SilentError)
            message = f"dialling without a claim of slot {slot}: {error.message}"
            log(_log, logging.INFO, "claim-failed", message)
            if self.state.up:
                self.poke()  # find out whether it is down, so that the next lane waits less
        finally:
            turn.cancel()
            closed.cancel()
        return self._answers.get(slot)

    async def _wait_for_turn(self, identity: Identity, slot: str) -> None:
        """Claim a slot until the gateway says that it is our turn."""
        while True:
            begun = monotonic()
            answer = await _claim(identity, slot, CLAIM_IN_DOUBT if self._silent else CLAIM)
            if self._is_of(identity):
                self._answers[slot] = answer
            if answer.holder == "ended":
                took = monotonic() - begun
                message = f"the gateway ended the stale session of slot {slot}, in {took:.2f} s"
                log(_log, logging.INFO, "claim-ended", message)
            wait = min(max(answer.dial_in, SOONEST_CLAIM * answer.again), LONGEST_PACE)
            if wait > 0:
                what = "claiming again" if answer.again else "dialling"
                log(_log, logging.DEBUG, "claim-paced", f"{what} in {wait:.1f} s, as asked")
                await asyncio.sleep(wait)
            if not answer.again:
                return

    async def _keep(self) -> None:
        while True:
            self._poked.clear()
            identity = self._identity
            if identity is None:
                await self._poked.wait()
                continue
            try:
                wait = await self._visit(identity)
            except Ground2CloudError as error:
                wait = self._fail(error)
            except Exception as defect:  # noqa: BLE001 - a defect here must not end the tunnel
                log(_log, logging.ERROR, "backchannel-defect", "defect", exc_info=defect)
                wait = REFUSED_AGAIN
            await asyncio.sleep(min(SOONEST, wait))
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(wait):
                    await self._poked.wait()

    async def _visit(self, identity: Identity) -> float:
        """Tell the services if need be, and how we are; answer the seconds until again."""
        client = client_of(identity, within=CALL)
        await self._tell_services(client, identity)
        report = self._report()
        answer = await ask(lambda: client.heartbeat(report), within=CALL)
        if not self._is_of(identity):
            return 0.0
        self._succeed(client)
        self._tell_notices(answer.notices)
        await self._change(
            identity, lambda known: after_heartbeat(known, answer, self._store.public_key)
        )
        if await self._prove(identity, answer.next_in):
            self._doubts = 0
            return answer.next_in
        self._doubts += 1
        return min(answer.next_in, DOUBTED * float(1 << min(self._doubts - 1, 10)))

    async def _tell_services(self, client: Client, identity: Identity) -> None:
        """Tell them where they are others, or in another order, than the gateway was told.

        Once more after it was away: it may have come back as an older self, from a backup. And as
        long as the identity is another than what it allotted: the disk did not take that, or has
        got an older file.
        """
        wanted = self._wanted()
        known = {each.name: each.kind for each in identity.service}
        if (wanted, identity.service) == self._agreed and dict(wanted) == known:
            self.state.refusal = ""
            return
        try:
            answer = await ask(lambda: client.set_services(wanted), within=CALL)
        except RefusedError as error:
            if error.slug not in _OF_SERVICES:
                raise
            self._refuse(f"the gateway refuses these services: {error.message}", error.hint)
            return
        if not self._is_of(identity):
            return
        self.state.refusal = ""
        services = tuple(allotted(each) for each in answer.services)
        self._agreed = wanted, services
        if services != identity.service:
            self._answers.clear()  # what was said of probes depends on them
            await self._change(identity, lambda known: replace(known, service=services))

    def _is_of(self, identity: Identity) -> bool:
        """Whether we still speak for the registration of an answer that took its time."""
        return identity.is_same(self._identity)

    async def _change(self, identity: Identity, change: Callable[[Identity], Identity]) -> None:
        """Change the identity on the disk and here, and tell who lives by it.

        Where the disk does not take it, all goes on with what was known before.
        """
        if not self._is_of(identity) or self._identity is None:
            return
        if change(self._identity) == self._identity:
            return

        def only_ours(known: Identity) -> Identity:
            return change(known) if known.is_same(identity) else known

        try:
            # In a thread: a command may hold the lock for a while, and a disk may hang.
            update = partial(self._store.update, only_ours)
            after = await ask(update, within=CALL, whom="the disk")
        except Ground2CloudError as error:
            if self._unkept != error.message:
                message = f"can't keep what the gateway said: {error.message}"
                log(_log, logging.ERROR, "identity-unwritable", message)
            self._unkept = error.message
            return
        self._unkept = ""
        if after is not None and after.is_same(identity) and self._is_of(after):
            self._identity = after
            self._on_change(after)

    def _succeed(self, client: Client) -> None:
        state = self.state
        if state.up is not True:
            words = "answers" if state.up is None else "answers again"
            log(_log, logging.INFO, "backchannel-up", f"the gateway's backchannel {words}")
        state.up, state.at, state.detail = True, monotonic(), ""
        self._silent = False
        self._failures = 0
        if client.timing is None:
            return
        before = state.skew
        state.skew, state.round_trip = client.timing.skew, client.timing.round_trip
        if abs(state.skew) >= SKEWED and (before is None or abs(before) < SKEWED):
            message = f"{say_skew(state.skew)}; times in the two logs differ by that"
            log(_log, logging.WARNING, "clock-skew", message)

    def _fail(self, error: Ground2CloudError) -> float:
        state = self.state
        if state.up is not False or state.detail != error.message:
            hint = f"; {error.hint}" if error.hint else ""
            message = f"no use of the backchannel: {error.message}{hint}. The lanes go on without"
            log(_log, logging.WARNING, "backchannel-down", message)
            state.at = monotonic()
        state.up, state.detail = False, error.message
        self._agreed = None
        self._silent = isinstance(error, SilentError)
        self._failures += 1
        wait = AGAIN.delay(self._failures, random.random())  # noqa: S311 - spreads load
        if isinstance(error, RefusedError):
            if error.slug in {Slug.UNAUTHORIZED, Slug.REVOKED}:
                return REFUSED_AGAIN
            wait = max(wait, min(error.retry_after or 0.0, REFUSED_AGAIN))
        return wait

    def _refuse(self, message: str, hint: str) -> None:
        if message != self.state.refusal:
            words = f"{message}; {hint}" if hint else message
            log(_log, logging.ERROR, "services-refused", words)
        self.state.refusal = message

    def _tell_notices(self, notices: tuple[Notice, ...]) -> None:
        """Log each notice when it is new, not with each heartbeat."""
        for notice in notices:
            if notice not in self._told:
                message = f"the gateway says ({notice.code}): {notice.message}"
                log(_log, logging.WARNING, "gateway-notice", message)
        self._told = frozenset(notices)


async def _claim(identity: Identity, slot: str, within: float) -> ClaimAnswer:
    client = client_of(identity, within=within)
    return await ask(lambda: client.claim(slot), within=within)


def allotted(service: AllottedService) -> Allotted:
    """The gateway's answer as the identity keeps it."""
    return Allotted(name=service.name, kind=service.kind, port=service.port)


def after_heartbeat(
    identity: Identity, answer: HeartbeatAnswer, public_key: Callable[[str], str]
) -> Identity:
    """The identity with what the gateway says of endpoints and keys.

    A rotation that was cut off after the new key had carried a lane is brought to its end by this.
    """
    if answer.endpoints:
        endpoints = tuple(Endpoint(host=each.host, port=each.port) for each in answer.endpoints)
        identity = replace(identity, endpoint=endpoints)
    new = identity.next_key
    if new is not None and answer.keys and answer.keys == (public_key(new),):
        identity = replace(identity, key=new, next_key=None)
    return identity


def say_skew(skew: float) -> str:
    """Say which of the two clocks is ahead; seconds, the gateway's less this machine's."""
    word = "behind" if skew > 0 else "ahead of"
    return f"this machine's clock is {abs(skew):.1f} s {word} the gateway's"
