"""Who may dial when; time is made up here, and sshd a queue."""

import heapq

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ground2cloud.openssh.sshd.pacing import Admission, Pace, Pacing, pace_for

PACE = Pace(
    at_once=10,
    in_crowd=4,
    crowd=8,
    per_second=20.0,
    slowest=5.0,
    fastest=200.0,
    soonest=0.1,
    longest=10.0,
    longest_unseen=3.0,
    patience=5.0,
)


def full() -> Pacing:
    """One whose places are all taken, at 100."""
    pacing = Pacing(PACE)
    assert [pacing.ask(lane, 100.0) for lane in range(10)] == [Admission(0.0)] * 10
    return pacing


def test_one_agent_dials_at_once() -> None:
    assert Pacing(PACE).ask(1, 100.0) == Admission(0.0)


def test_who_finds_no_place_asks_again_when_it_may_be_his_turn() -> None:
    pacing = full()
    answers = [pacing.ask(lane, 100.0) for lane in range(10, 50)]
    assert all(answer.again for answer in answers)
    waits = [answer.wait for answer in answers]
    assert waits[1:] == pytest.approx([max(2, number) / 20.0 for number in range(2, 41)])


def test_few_begin_while_many_claims_wait() -> None:
    pacing = Pacing(PACE)
    answers = [pacing.ask(lane, 100.0, crowd=40 - lane) for lane in range(40)]
    assert [answer.again for answer in answers] == [False] * 4 + [True] * 36


def test_who_asks_again_keeps_the_place() -> None:
    pacing = full()
    answers = {lane: pacing.ask(lane, 100.0) for lane in range(10, 50)}
    assert pacing.ask(40, 100.1) == answers[40]
    assert pacing.ask(50, 100.1).wait > answers[49].wait
    assert pacing.ask(5, 100.1) == Admission(0.0), "one that dials has its place, too"


def test_a_login_makes_room_for_one() -> None:
    pacing = full()
    pacing.arrived(3, 100.1)
    assert pacing.ask(99, 100.1) == Admission(0.0)
    assert pacing.ask(98, 100.1).again


def test_while_some_wait_fewer_dial_at_one_time() -> None:
    pacing = full()
    assert pacing.ask(98, 100.0).again
    for lane in range(6):
        pacing.arrived(lane, 100.1)
    assert pacing.ask(99, 100.2).again
    pacing.arrived(6, 100.3)
    assert pacing.ask(98, 100.4) == Admission(0.0), "three are under way, and it makes four"
    assert pacing.ask(99, 100.5).again
    pacing.arrived(7, 100.6)
    assert pacing.ask(99, 100.7) == Admission(0.0)
    assert pacing.ask(100, 100.8) == Admission(0.0), "nobody waits any more"


def test_who_never_comes_does_not_hold_a_place_for_ever() -> None:
    pacing = full()
    assert pacing.ask(99, 104.0).again
    assert pacing.ask(98, 105.1) == Admission(0.0)


def test_who_does_not_ask_again_holds_up_nobody() -> None:
    pacing = full()
    for lane in range(10, 60):
        pacing.ask(lane, 100.0)
    for lane in range(10):
        pacing.arrived(lane, 107.0)
    for lane in range(100, 110):
        pacing.ask(lane, 107.0)
    before = pacing.ask(200, 107.0).wait
    for lane in range(100, 110):
        pacing.arrived(lane, 108.0)
        pacing.ask(lane + 200, 108.0)
    assert pacing.ask(200, 108.0).wait <= before


def test_nobody_waits_longer_than_the_longest() -> None:
    pacing = Pacing(PACE)
    answers = [pacing.ask(lane, 100.0) for lane in range(2000)]
    assert max(answer.wait for answer in answers) == 3.0
    assert [answer.again for answer in answers] == [False] * 10 + [True] * 1990


def test_a_busy_machine_is_expected_to_be_slow() -> None:
    idle, busy = full(), full()
    for lane in range(10, 30):
        idle.ask(lane, 100.0)
        busy.ask(lane, 100.0)
    assert busy.ask(99, 100.0, load=1.0).wait == 2 * idle.ask(99, 100.0).wait


def test_the_pace_that_is_seen_counts() -> None:
    pacing = full()
    for lane in range(10, 100):
        pacing.ask(lane, 100.0)
    assert pacing.ask(99, 100.0).wait == 3.0
    for other in range(1000, 1020):
        pacing.arrived(other, 100.0 + other / 10_000)
    assert pacing.ask(99, 102.0, load=1.0).wait == pytest.approx(90 / 10.0)


def test_a_gateway_without_agents_forgets() -> None:
    pacing = Pacing(PACE)
    for lane in range(1000):
        pacing.ask(lane, 100.0)
    pacing.arrived(5000, 1000.0)
    assert pacing.waiting == 0


def test_limits_follow_sshd_and_the_machine() -> None:
    assert pace_for(400, 2).at_once == 32
    assert pace_for(400, 2).in_crowd == 16
    assert pace_for(10, 64).at_once == 5
    assert pace_for(1, 1).at_once == 2
    assert pace_for(400, 4).per_second == 2 * pace_for(400, 2).per_second


@settings(max_examples=20)  # each takes half a second, under coverage on a busy machine two
@given(
    st.integers(50, 500),
    st.sampled_from([6.0, 15.0, 40.0, 90.0]),
    st.sampled_from([0.0, 0.5]),
)
def test_all_come_up_soon_and_few_crowd_at_the_door(
    agents: int, logins: float, distance: float
) -> None:
    """Agents come back together to an sshd that logs in so many a second, one after the other.

    All are up in little more than that takes, and the crowd before sshd stays what it may be: no
    dial waits for longer than LoginGraceTime. Each claim is held for 4 s, as the gateway does.
    `distance` is the time that a login spends on the
    network, seconds.
    """
    pacing = Pacing(Pace(at_once=32, in_crowd=8, per_second=20.0))
    asks = [(100.0 + agent * 0.001, agent, 0.0) for agent in range(agents)]
    at_door: list[tuple[float, int]] = []
    free_at, last, crowd, claims = 100.0, 100.0, 0, 0
    while asks:
        now, agent, held_until = heapq.heappop(asks)
        while at_door and at_door[0][0] <= now:
            done, who = heapq.heappop(at_door)
            pacing.arrived(who, done)
        if not held_until:
            claims, held_until = claims + 1, now + 4.0
        answer = pacing.ask(agent, now, crowd=agents - claims)
        if answer.again:
            held = now < held_until
            heapq.heappush(
                asks, (now + 0.2, agent, held_until) if held else (now + answer.wait, agent, 0.0)
            )
            continue
        free_at = last = max(free_at, now + distance) + 1.0 / logins
        heapq.heappush(at_door, (free_at, agent))
        crowd = max(crowd, len(at_door))
    assert crowd <= 32
    # The less they come all at one time, the nearer it is to what is possible.
    possible = min(logins, 8 / (distance + 1 / logins))
    assert last - 100.0 <= (1.6 if distance else 1.2) * agents / possible + 4.0
    assert claims <= 5 * agents
