"""What agents told of themselves, and when: in memory, and now and then in the registry."""

from dataclasses import dataclass

from ground2cloud.backchannel.messages import HeartbeatRequest
from ground2cloud.registry.records import Sighting
from ground2cloud.roles.gateway.paths import Paths

NEXT_IN = 30.0
"""Seconds between two heartbeats of an agent."""

_MISSED = 3
"""Heartbeats that an agent may miss before what it told says nothing of now."""

_PER_SECOND = 25
"""Heartbeats a second that the gateway is ready to take, each with a probe behind it; with more
agents they come less often."""


@dataclass(frozen=True, slots=True)
class Report:
    """One heartbeat. `at` is monotonic, `wall` in seconds since 1970."""

    at: float
    wall: float
    source: str
    said: HeartbeatRequest

    @property
    def skew(self) -> float:
        """How much the agent's clock is ahead, with the way of the request in it."""
        return self.said.time - self.wall

    def last_error(self) -> str:
        """What stands in the way of its lanes, in its own words; empty if nothing does."""
        return next((lane.last_error for lane in self.said.lanes if lane.last_error), "")


class Reports:
    """The newest report of every agent, and the sightings that are not written yet.

    Attributes:
        paths: what came of probes.
    """

    def __init__(self) -> None:
        self.paths = Paths()
        self._newest: dict[int, Report] = {}
        self._due: dict[int, Sighting] = {}

    def take(self, registration: int, report: Report) -> None:
        """Keep a report."""
        self._newest[registration] = report
        self._due[registration] = Sighting(
            registration,
            report.wall,
            version=report.said.version or None,
            address=report.source,
            error=report.last_error() or None,
        )

    def see(self, registration: int, wall: float, source: str, version: str = "") -> None:
        """Note that an agent was heard of, without a report."""
        self._due[registration] = Sighting(
            registration, wall, version=version or None, address=source
        )

    def of(self, registration: int) -> Report | None:
        """The newest report of an agent; None before the first."""
        return self._newest.get(registration)

    def forget(self, registration: int) -> None:
        """Drop what was heard of one that is gone."""
        self._newest.pop(registration, None)
        self._due.pop(registration, None)
        self.paths.forget(registration)

    def take_due(self) -> tuple[Sighting, ...]:
        """Answer the sightings that are to be written, and count them as written."""
        due, self._due = tuple(self._due.values()), {}
        return due

    def next_in(self, agents: int) -> float:
        """Seconds until an agent should come again: 30 up to 750 agents, then more."""
        return max(NEXT_IN, agents / _PER_SECOND)

    def silent_after(self, agents: int) -> float:
        """Seconds without a heartbeat after which what an agent told says nothing of now."""
        return _MISSED * self.next_in(agents)
