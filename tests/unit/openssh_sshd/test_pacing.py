"""Who may dial when; time is made up here, and sshd a queue."""

import heapq

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ground2cloud.openssh.sshd.pacing import Pace, Pacing, pace_for

PACE = Pace(at_once=10, per_second=20.0, slowest=5.0, fastest=200.0, longest=30.0, patience=5.0)


def test_one_agent_dials_at_once() -> None:
    assert Pacing(PACE).ask(1, 100.0).wait == 0.0


def test_the_first_dial_at_once_and_the_others_one_after_the_other() -> None:
    pacing = Pacing(PACE)
    waits = [pacing.ask(lane, 100.0).wait for lane in range(14)]
    assert waits[:10] == [0.0] * 10
    assert waits[10:] == pytest.approx([0.05, 0.10, 0.15, 0.20])


def test_who_asks_again_keeps_the_place() -> None:
    pacing = Pacing(PACE)
    waits = [pacing.ask(lane, 100.0).wait for lane in range(12)]
    assert pacing.ask(11, 100.0).wait == waits[11]
    assert pacing.ask(11, 100.05).wait == pytest.approx(waits[11] - 0.05)
    assert pacing.ask(12, 100.0).wait > waits[11]


def test_a_login_makes_room() -> None:
    pacing = Pacing(PACE)
    for lane in range(10):
        pacing.ask(lane, 100.0)
    pacing.arrived(3, 100.1)
    assert pacing.ask(99, 100.1).wait == 0.0


def test_who_never_comes_does_not_hold_a_place_for_ever() -> None:
    pacing = Pacing(PACE)
    for lane in range(10):
        pacing.ask(lane, 100.0)
    assert pacing.ask(99, 104.0).wait > 0.0
    assert pacing.ask(98, 105.1).wait == 0.0


def test_nobody_waits_longer_than_the_longest() -> None:
    pacing = Pacing(PACE)
    answers = [pacing.ask(lane, 100.0) for lane in range(2000)]
    assert max(answer.wait for answer in answers) <= 30.0
    assert [answer.again for answer in answers] == sorted(answer.again for answer in answers)
    assert answers[-1].again
    assert pacing.waiting < 700  # who shall ask again holds no place


def test_a_busy_machine_is_spared() -> None:
    idle, busy = Pacing(PACE), Pacing(PACE)
    for lane in range(10):
        idle.ask(lane, 100.0)
        busy.ask(lane, 100.0)
    assert busy.ask(99, 100.0, load=1.0).wait == 2 * idle.ask(99, 100.0).wait


def test_a_gateway_without_agents_forgets() -> None:
    pacing = Pacing(PACE)
    for lane in range(1000):
        pacing.ask(lane, 100.0)
    pacing.arrived(5000, 1000.0)
    assert pacing.waiting == 0


def test_limits_follow_sshd_and_the_machine() -> None:
    assert pace_for(400, 2).at_once == 32
    assert pace_for(10, 64).at_once == 5
    assert pace_for(1, 1).at_once == 2
    assert pace_for(400, 4).per_second == 2 * pace_for(400, 2).per_second


@given(st.integers(50, 500), st.sampled_from([8.0, 15.0, 40.0, 90.0]))
def test_all_come_up_soon_and_few_crowd_at_the_door(agents: int, logins: float) -> None:
    """Agents come back together to an sshd that logs in so many a second, one after the other.

    All are up in little more than that takes, and never more than a part of MaxStartups waits.
    """
    pacing = Pacing(Pace(at_once=32, per_second=20.0))
    asks = [(100.0 + agent * 0.001, agent) for agent in range(agents)]
    dials: list[tuple[float, int]] = []
    heapq.heapify(asks)
    free_at, last, crowd, at_door = 100.0, 100.0, 0, []
    while asks or dials:
        if asks and (not dials or asks[0][0] <= dials[0][0]):
            now, agent = heapq.heappop(asks)
            while at_door and at_door[0][0] <= now:
                done, who = heapq.heappop(at_door)
                pacing.arrived(who, done)
            answer = pacing.ask(agent, now)
            heapq.heappush(asks if answer.again else dials, (now + answer.wait, agent))
            continue
        now, agent = heapq.heappop(dials)
        while at_door and at_door[0][0] <= now:
            done, who = heapq.heappop(at_door)
            pacing.arrived(who, done)
        free_at = max(free_at, now) + 1.0 / logins
        last = max(last, free_at)
        heapq.heappush(at_door, (free_at, agent))
        crowd = max(crowd, len(at_door))
    assert crowd < 400  # MaxStartups: none is refused
    assert last - 100.0 <= 1.3 * agents / min(logins, 20.0) + 2.0
