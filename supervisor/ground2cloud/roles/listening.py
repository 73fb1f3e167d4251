"""What a lane does and says, turned into log records and into what `status` will show."""

import logging

from ground2cloud.core.clock import monotonic
from ground2cloud.core.run import Run
from ground2cloud.core.states import State
from ground2cloud.core.supervise import Transition
from ground2cloud.logs.fields import log
from ground2cloud.logs.limit import Repeats
from ground2cloud.openssh.observer import level
from ground2cloud.roles.lane import Lane
from ground2cloud.roles.narrate import tell, title

_log = logging.getLogger(__name__)


class LaneLog:
    """Logs for all lanes; the limits on what an ssh may say are one per lane."""

    def __init__(self) -> None:
        self._limits: dict[str, Repeats] = {}
        self._levels: dict[str, int] = {}

    def transition(self, lane: Lane, seen: Transition, run: Run | None, gateway: str) -> None:
        """Note what the transition means for the lane, and log it."""
        now = monotonic()
        state = seen.after.state
        if state is State.READY:
            started = run.started_at if run is not None else None
            lane.ready_at, lane.ready_in = now, now - (started or now)
            lane.was_ready = True
            lane.heartbeat = run.heartbeat if run is not None else None
            lane.taken_since.clear()
            lane.confirmed_at.clear()
        elif state in {State.BACKOFF, State.BLOCKED}:
            lane.failed_at = now
        told = tell(
            lane.name,
            seen.before,
            seen.after,
            gateway=gateway,
            ready_in=lane.ready_in or 0.0,
            forwards=len(lane.services),
        )
        if told is not None:
            log(
                _log,
                told.level,
                told.event,
                told.message,
                lane=lane.name,
                pid=seen.pid,
                attempt=told.attempt,
                said=told.said or None,
            )

    def line(self, lane: Lane, text: str) -> None:
        """Log a line of the lane's ssh, unless it repeats itself or says too much."""
        limit = self._limits.setdefault(lane.name, Repeats())
        for said in limit.feed(text, monotonic()):
            if said.note:
                # About the lines before, so no louder than they were.
                message = f"{title(lane.name)}: {said.text}"
                log(_log, self._levels.get(lane.name, logging.INFO), "ssh-limited", message)
            else:
                self._levels[lane.name] = level(text)
                message = f"{title(lane.name)} says"
                log(_log, level(text), "ssh", message, lane=lane.name, said=said.text)
