"""Which service rides on which lane; the supervisor is a list of what it was told."""

import asyncio
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from ground2cloud.config.identity import Identity
from ground2cloud.config.locations import locate
from ground2cloud.config.model import AgentConfig, Gateway, Kind, Service
from ground2cloud.core.machine import Child
from ground2cloud.core.spec import ChildSpec, Outcome, Verdict
from ground2cloud.core.states import State
from ground2cloud.roles import fleet as module
from ground2cloud.roles.agent import Agent
from ground2cloud.roles.fleet import MAYBE_OURS_FOR, TAKEN_FOR, Fleet
from ground2cloud.roles.lane import Lane, Shop
from ground2cloud.roles.sessions import Sessions
from tests.unit.config.test_identity import GOOD

FIRST, SECOND = (
    Service(name=name, kind=Kind.HTTP, port=80, remote_port=port, remote_bind="127.0.0.1")
    for name, port in (("first", 11081), ("second", 11082))
)
TAKEN = Verdict(Outcome.TRANSIENT, "port-taken", "taken")


@dataclass
class Told:
    """Stands for the supervisor; every lane waits for its next try, or is in that state."""

    state: State = State.BACKOFF
    started: list[str] = field(default_factory=list)
    changes: list[str] = field(default_factory=list)

    def start(self, spec: ChildSpec) -> None:
        self.started.append(spec.name)

    def changed(self, name: str) -> None:
        self.changes.append(name)

    def child(self, _name: str) -> Child:
        return Child(self.state)

    def is_ready(self, _name: str) -> bool:
        return False


class Clock:
    """Says what it is set to."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(module, "monotonic", made)
    return made


async def lane_of(
    directory: Path,
    identity: Identity | None = None,
    *,
    was_ready: bool = False,
    told: Told | None = None,
) -> tuple[Fleet, Lane]:
    """A fleet with one lane that carries both services."""
    gateway = Gateway(host="gateway") if identity is None else None
    config = AgentConfig(gateway=gateway, service=(FIRST, SECOND))
    places = locate(config, directory / "agent.toml", {})
    sessions = Sessions(directory / "sessions.json", lambda _path, _text: None, lambda: 0.0)
    shop = Shop(config, places, sessions, lambda _port: None, identity=identity)
    made = Fleet(told or Told(), shop)  # type: ignore[arg-type] # as much of a supervisor as it uses
    await made.rebuild((FIRST, SECOND))
    lane = made.lanes["lane1"]
    lane.was_ready = was_ready
    return made, lane


def fail(fleet: Fleet, lane: Lane) -> bool:
    """Find the second service's port taken; answer whether it has gone its own way."""
    failed = next(each for each in lane.forwards if each.port == SECOND.remote_port)
    fleet.part(lane, TAKEN, failed)
    return lane.services == (FIRST,)


@pytest.mark.parametrize(
    ("identity", "was_ready", "patience"),
    [
        (None, False, TAKEN_FOR),
        (None, True, MAYBE_OURS_FOR),  # its own stale session may hold it
        (GOOD, False, TAKEN_FOR),
        (GOOD, True, TAKEN_FOR),  # a claim has ended that
    ],
)
async def test_a_port_that_stays_taken_keeps_no_other_service_down(
    tmp_path: Path,
    clock: Clock,
    identity: Identity | None,
    was_ready: bool,  # noqa: FBT001 - a column of the table
    patience: float,
) -> None:
    fleet, lane = await lane_of(tmp_path, identity, was_ready=was_ready)
    assert not fail(fleet, lane)
    clock.now += patience - 1
    assert not fail(fleet, lane)
    clock.now += 1
    assert fail(fleet, lane)
    assert fleet.lanes["lane2"].services == (SECOND,)


async def test_a_lane_that_was_replaced_begins_anew(tmp_path: Path, clock: Clock) -> None:
    fleet, lane = await lane_of(tmp_path, was_ready=True)
    await fleet.rebuild((FIRST, SECOND))
    assert not fail(fleet, lane)
    clock.now += TAKEN_FOR
    assert fail(fleet, lane)


async def test_a_lane_that_was_changed_since_it_failed_keeps_its_services(tmp_path: Path) -> None:
    told = Told()
    fleet, lane = await lane_of(tmp_path, told=told)
    refused = replace(TAKEN, reason="forward-refused")
    failed = lane.forwards[1]
    told.state = State.STARTING
    fleet.part(lane, refused, failed)
    assert set(fleet.lanes) == {"lane1"}
    told.state = State.BLOCKED
    gone = fleet.lanes.pop("lane1")
    fleet.part(gone, refused, failed)
    assert not fleet.lanes
    fleet.lanes["lane1"] = lane
    fleet.part(lane, refused, failed)
    assert set(fleet.lanes) == {"lane1", "lane2"}


async def test_nobody_parts_while_the_lanes_are_changed(tmp_path: Path) -> None:
    fleet, lane = await lane_of(tmp_path)
    agent = Agent.__new__(Agent)
    agent._fleet, agent._changing = fleet, asyncio.Lock()
    refused = replace(TAKEN, reason="forward-refused")
    async with agent._changing:
        parting = asyncio.create_task(agent._part(lane, refused, lane.forwards[1]))
        await asyncio.sleep(0)
        assert set(fleet.lanes) == {"lane1"}
    await parting
    assert set(fleet.lanes) == {"lane1", "lane2"}
