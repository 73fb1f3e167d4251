"""Who waits for a turn, and who needs none any more."""

import asyncio
from pathlib import Path

from ground2cloud.core.clock import monotonic
from ground2cloud.openssh.sshd.pacing import Admission, Pace, Pacing
from ground2cloud.openssh.sshd.sessions import Sessions
from ground2cloud.openssh.sshd.strays import Strays
from ground2cloud.rendering.atomic import write_atomic
from ground2cloud.roles.gateway.lanes import Lanes


async def test_who_came_without_an_answer_takes_no_place(tmp_path: Path) -> None:
    sessions = Sessions(tmp_path / "sessions.jsonl", write_atomic)
    lanes = Lanes(
        sessions,
        Strays(tmp_path / "listeners.json", write_atomic, sessions),
        Pacing(Pace(at_once=1, in_crowd=1)),
        on_change=lambda _places: None,
        on_login=lambda _session: None,
    )
    assert await lanes.turn(1001, load=0, crowd=1) == Admission(0.0)
    claim = asyncio.create_task(lanes.turn(1002, load=0, crowd=1))
    await asyncio.sleep(0.3)
    assert not claim.done()
    assert lanes.pacing.waiting == 2
    # What `hear` does when sshd tells of a login.
    lanes.pacing.arrived(1002, monotonic())
    lanes._came[1002] = monotonic()
    async with asyncio.timeout(5):
        assert await claim == Admission(0.0)
    assert lanes.pacing.waiting == 1, "the first alone"
