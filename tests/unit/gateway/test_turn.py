"""Who waits for a turn, and who needs none any more."""

import asyncio
from pathlib import Path

import pytest

from ground2cloud.core.clock import monotonic
from ground2cloud.openssh.sshd.authorized import KeyGrant
from ground2cloud.openssh.sshd.pacing import Admission, Pace, Pacing
from ground2cloud.openssh.sshd.sessions import Sessions
from ground2cloud.openssh.sshd.strays import Strays
from ground2cloud.rendering.atomic import write_atomic
from ground2cloud.roles.gateway.lanes import Lanes
from tests.lab.registering import make_key

ONE, OTHER = "127.0.0.1", "127.0.0.2"
PORT = 11081


@pytest.fixture
def lanes(tmp_path: Path) -> Lanes:
    """Those of two registrations; one may dial at a time."""
    sessions = Sessions(tmp_path / "sessions.jsonl", write_atomic)
    made = Lanes(
        sessions,
        Strays(tmp_path / "listeners.json", write_atomic, sessions),
        Pacing(Pace(at_once=1, in_crowd=1)),
        on_change=lambda _places: None,
        on_login=lambda _session: None,
    )
    made.own(KeyGrant(each, make_key(each), (ONE, OTHER), (PORT + each,)) for each in (1001, 1002))
    return made


async def waiting(lanes: Lanes) -> asyncio.Task[Admission]:
    """Let the first registration dial, and the other wait for its turn."""
    assert await lanes.turn(1001, ONE, load=0, crowd=1) == Admission(0.0)
    claim = asyncio.create_task(lanes.turn(1002, ONE, load=0, crowd=1))
    await asyncio.sleep(0.3)
    assert not claim.done()
    assert lanes.pacing.waiting == 2
    return claim


async def test_who_came_without_an_answer_takes_no_place(lanes: Lanes) -> None:
    claim = await waiting(lanes)
    # What `hear` and `look` do when a lane comes.
    lanes.pacing.arrived(1002, monotonic())
    lanes.since[ONE, PORT + 1002] = monotonic()
    async with asyncio.timeout(5):
        assert await claim == Admission(0.0)
    assert lanes.pacing.waiting == 1, "the first alone"


async def test_a_lane_of_another_slot_or_registration_is_another_lane(lanes: Lanes) -> None:
    claim = await waiting(lanes)
    before = monotonic()
    lanes.since[OTHER, PORT + 1002] = lanes.since[ONE, PORT + 1001] = monotonic() + 0.001
    await asyncio.sleep(0.5)
    assert not claim.done()
    assert lanes.came_since(1002, OTHER, before)
    assert not lanes.came_since(1002, ONE, before)
    assert not lanes.came_since(1003, ONE, before)
    lanes.close()
    assert (await claim).again
