"""One real login: the agent's own lane, run once in a directory of its own and ended when ready."""

import asyncio
import contextlib
import dataclasses
import tempfile
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from ground2cloud.config.identity import Identity
from ground2cloud.config.locations import Locations
from ground2cloud.config.model import AgentConfig
from ground2cloud.core import oneshot
from ground2cloud.core.clock import monotonic, wall
from ground2cloud.core.run import CHECK_TIMEOUT
from ground2cloud.core.spec import RefusedError, Verdict
from ground2cloud.core.states import State
from ground2cloud.core.supervise import Supervisor, Transition
from ground2cloud.rendering.atomic import write_atomic
from ground2cloud.roles.lane import Lane, Shop
from ground2cloud.roles.sessions import Sessions

_NAME = "doctor"
_DECIDED = frozenset({State.READY, State.BACKOFF, State.BLOCKED})


class Trial(NamedTuple):
    """What came of it: `verdict` is None when every forward was confirmed. Seconds."""

    verdict: Verdict | None
    seconds: float


async def try_lane(
    config: AgentConfig,
    places: Locations,
    *,
    identity: Identity | None = None,
    meanwhile: Callable[[], Awaitable[None]] | None = None,
) -> Trial:
    """Log in and ask for the forward of every service, as the agent would.

    Args:
        config: the services with their ports.
        places: key and known_hosts as they are to be used.
        identity: of a registered agent; its first endpoint is dialled, and its last slot bound.
        meanwhile: what to do before it is ended, if it is ready.
    """
    with _lane(config, places, identity) as lane:
        return await _run_once(lane, meanwhile)


async def try_settings(
    config: AgentConfig, places: Locations, identity: Identity | None = None
) -> Verdict | None:
    """Have ssh read the lane's configuration and connect nowhere; answer why it does not take it.

    A check that can't be run says nothing against the configuration.
    """
    with _lane(config, places, identity) as lane:
        spec = lane.spec()
        try:
            prepared = await spec.prepare()
        except RefusedError as refusal:
            return refusal.verdict
        assert prepared.check_argv is not None, "a lane's files are always checked"
        answer = await oneshot.run(prepared.check_argv, timeout=CHECK_TIMEOUT)
        return None if answer.ok or answer.code is None else spec.refused(answer.err)


@contextlib.contextmanager
def _lane(config: AgentConfig, places: Locations, identity: Identity | None) -> Iterator[Lane]:
    """Make the lane, whose run directory is gone afterwards."""
    # Short: OpenSSH's control socket lies in it, and its path may have 90 bytes.
    with tempfile.TemporaryDirectory(prefix="g2c-") as run:
        own = dataclasses.replace(places, run=Path(run))
        sessions = Sessions(places.state / "sessions.json", write_atomic, wall)
        shop = Shop(config, own, sessions, on_unserved=lambda _port: None, identity=identity)
        shop.way.set(identity.endpoint if identity is not None else ())
        yield Lane(_NAME, config.service, shop)


async def _run_once(lane: Lane, meanwhile: Callable[[], Awaitable[None]] | None) -> Trial:
    decided: asyncio.Future[State] = asyncio.get_running_loop().create_future()

    def note(transition: Transition) -> None:
        if transition.after.state in _DECIDED and not decided.done():
            decided.set_result(transition.after.state)

    supervisor = Supervisor(note, lambda _name, _line: None)
    begun = monotonic()
    try:
        supervisor.start(lane.spec())
        state = await decided  # within the lane's own limits
        verdict = None if state is State.READY else supervisor.child(_NAME).verdict
        seconds = monotonic() - begun
        if verdict is None and meanwhile is not None:
            await meanwhile()
        return Trial(verdict, seconds)
    finally:
        await supervisor.close()
