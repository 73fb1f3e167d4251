"""The state machine, by any sequence of events: nothing illegal, nothing stuck."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ground2cloud.core.backoff import FIRST_RETRY, BackoffPolicy
from ground2cloud.core.events import (
    BecameReady,
    Changed,
    Due,
    End,
    Ended,
    Event,
    Launch,
    Probe,
    Reload,
    Renew,
    Restart,
    Spawned,
    Start,
    Stop,
    Unresponsive,
    Wake,
)
from ground2cloud.core.machine import Child, step
from ground2cloud.core.spec import Limits, Outcome, Verdict
from ground2cloud.core.states import TRANSITIONS, WITH_PROCESS, State

LIMITS = Limits(
    BackoffPolicy(initial=0.5, maximum=8.0, reset_after=10.0),
    prepare_timeout=200.0,
    start_timeout=60.0,
)
LOST = Verdict(Outcome.TRANSIENT, "lost", "lost")
DENIED = Verdict(Outcome.PERMANENT, "denied", "denied")

verdicts = st.sampled_from([LOST, DENIED, Verdict(Outcome.REQUESTED, "stopped", "stopped")])
luck = st.floats(0, 1, exclude_max=True)
events = st.one_of(
    st.sampled_from(
        [Start(), Stop(), Restart(), Reload(), Spawned(), BecameReady(), Due(), Changed(), Wake()]
    ),
    st.builds(Ended, verdicts, luck),
    st.builds(Unresponsive, verdicts),
)
steps = st.lists(st.tuples(events, st.floats(0, 100)), max_size=60)


@given(steps)
@settings(max_examples=500, deadline=None)
def test_no_sequence_of_events_does_anything_illegal(sequence: list[tuple[Event, float]]) -> None:
    child, now, running = Child(), 0.0, False
    for event, passed in sequence:
        now += passed
        if isinstance(event, Ended):
            if not running:
                continue  # the world sends one Ended for each Launch, never another
            running = False
        before = child
        child, commands = step(child, event, now, LIMITS)
        if child.state is not before.state:
            assert child.state in TRANSITIONS[before.state]
            assert child.since == now
        if Launch() in commands:
            assert not running, "a second process of one child"
            running = True
        assert all(running for command in commands if isinstance(command, End | Probe))
        assert Renew() not in commands or child.state is State.READY
        assert not running or child.state in WITH_PROCESS
        assert running or child.state not in WITH_PROCESS, "waits for the end of nothing"
        waits = {State.STARTING, State.DRAINING, State.BACKOFF, State.BLOCKED}
        assert child.deadline is not None or child.state not in waits, "would wait for ever"
        if child.state is State.BACKOFF and before.state is not State.BACKOFF:
            assert child.deadline is not None
            assert 0 <= child.deadline - now <= LIMITS.backoff.maximum
        if child.state is State.STOPPED:
            assert not child.wanted


@given(steps)
@settings(max_examples=300, deadline=None)
def test_ready_is_left_only_by_an_end_or_a_request(sequence: list[tuple[Event, float]]) -> None:
    child, now = Child(), 0.0
    for event, passed in sequence:
        now += passed
        before = child
        child, _ = step(child, event, now, LIMITS)
        if before.state is State.READY and child.state is not State.READY:
            assert isinstance(event, Ended | Stop | Restart)


@given(st.integers(0, 10**9), luck, st.floats(0.01, 3600), st.floats(0.01, 3600))
def test_a_wait_is_never_negative_and_never_over_its_maximum(
    failures: int, luck_now: float, initial: float, maximum: float
) -> None:
    wait = BackoffPolicy(initial, maximum).delay(failures, luck_now)
    assert 0 <= wait <= maximum


def drive(*happened: tuple[Event, float]) -> tuple[Child, tuple[object, ...]]:
    child, commands = Child(), ()
    for event, now in happened:
        child, commands = step(child, event, now, LIMITS)
    return child, commands


def test_the_first_retry_after_a_proven_run_comes_at_once() -> None:
    child, _ = drive((Start(), 0), (BecameReady(), 1), (Ended(LOST, 0.99), 100))
    assert child.state is State.BACKOFF
    assert child.deadline is not None
    assert child.deadline - 100 <= FIRST_RETRY
    assert child.failures == 0


def test_a_child_that_flaps_waits_longer_each_time() -> None:
    child, now, waits = Child(wanted=True, state=State.STARTING), 0.0, []
    for _ in range(8):
        child, _ = step(child, BecameReady(), now, LIMITS)
        child, _ = step(child, Ended(LOST, 0.999), now, LIMITS)
        assert child.deadline is not None
        waits.append(child.deadline - now)
        now = child.deadline
        child, _ = step(child, Due(), now, LIMITS)
    assert waits[0] <= FIRST_RETRY
    assert waits == sorted(waits)
    assert waits[-1] == pytest.approx(8.0, rel=0.01)


def test_proven_uptime_forgets_the_failures() -> None:
    failed = replace(Child(), state=State.STARTING, wanted=True, failures=7)
    ready, _ = step(failed, BecameReady(), 0, LIMITS)
    assert ready.failures == 7, "one second of life proves nothing"
    proven, _ = step(ready, Due(), 10, LIMITS)
    assert proven.failures == 0


def test_a_permanent_cause_blocks_and_is_still_retried_slowly() -> None:
    child, _ = drive((Start(), 0), (Ended(DENIED, 0.5), 1))
    assert child.state is State.BLOCKED
    child, commands = step(child, Due(), 1 + LIMITS.blocked_retry, LIMITS)
    assert (child.state, commands) == (State.STARTING, (Launch(),))


@pytest.mark.parametrize("state", [State.BLOCKED, State.BACKOFF])
def test_a_change_ends_the_wait_at_once(state: State) -> None:
    waiting = Child(state=state, deadline=1000.0, wanted=True)
    child, commands = step(waiting, Changed(), 1, LIMITS)
    assert (child.state, commands) == (State.STARTING, (Launch(),))


def test_a_change_during_a_run_that_is_then_refused_is_not_lost() -> None:
    """The key is replaced while ssh still tries the old one: no block for five minutes."""
    child, _ = drive((Start(), 0), (Changed(), 1), (Ended(DENIED, 0.5), 2))
    assert child.state is State.BACKOFF
    assert child.deadline is not None
    child, _ = step(child, Due(), child.deadline, LIMITS)
    child, _ = step(child, Ended(DENIED, 0.5), 5, LIMITS)
    assert child.state is State.BLOCKED, "the next run began with what is there now"


def test_waking_up_ends_a_wait_and_doubts_a_ready_link_but_not_a_block() -> None:
    waiting, commands = step(Child(state=State.BACKOFF, deadline=9.0), Wake(), 1, LIMITS)
    assert (waiting.state, commands) == (State.STARTING, (Launch(),))
    ready, commands = step(Child(state=State.READY), Wake(), 1, LIMITS)
    assert (ready.state, commands) == (State.READY, (Probe(),))
    blocked, commands = step(Child(state=State.BLOCKED, deadline=9.0), Wake(), 1, LIMITS)
    assert (blocked.state, commands) == (State.BLOCKED, ())


def test_a_run_that_is_never_ready_is_ended_and_counts_as_failed() -> None:
    child, commands = drive((Start(), 0), (Spawned(), 1), (Due(), 61))
    assert commands == (End(hard=True),)
    child, _ = step(child, Ended(LOST, 0), 62, LIMITS)
    assert child.state is State.BACKOFF
    assert child.verdict is not None
    assert child.verdict.reason == "not-ready"


def test_what_comes_before_the_process_does_not_count_against_its_start() -> None:
    """Its turn to dial may come late."""
    child, commands = drive((Start(), 0), (Due(), 150), (Spawned(), 190), (Due(), 249))
    assert (child.state, commands) == (State.STARTING, ())
    child, commands = drive((Start(), 0), (Due(), 200))
    assert commands == (End(hard=True),), "it never comes"
    late, commands = step(child, Spawned(), 201, LIMITS)
    assert (late, commands) == (child, ()), "it is being ended already"


def test_a_dead_link_is_ended_hard_and_its_cause_is_kept() -> None:
    dead = Verdict(Outcome.TRANSIENT, "link-dead", "no heartbeat")
    child, commands = drive((Start(), 0), (BecameReady(), 1), (Unresponsive(dead), 50))
    assert commands == (End(hard=True),)
    child, _ = step(child, Ended(LOST, 0), 51, LIMITS)
    assert child.verdict == dead


def test_a_stop_is_polite_first_and_hard_when_its_time_is_over() -> None:
    child, commands = drive((Start(), 0), (BecameReady(), 1), (Stop(), 2))
    assert (child.state, commands) == (State.DRAINING, (End(hard=False),))
    child, commands = step(child, Due(), 2 + LIMITS.stop_timeout, LIMITS)
    assert commands == (End(hard=True),)
    child, _ = step(child, Ended(LOST, 0), 5, LIMITS)
    assert child.state is State.STOPPED
    assert child.deadline is None


def test_a_restart_waits_for_the_end_of_the_old_process() -> None:
    child, commands = drive((Start(), 0), (BecameReady(), 1), (Restart(), 2))
    assert (child.state, commands) == (State.DRAINING, (End(hard=False),))
    child, commands = step(child, Ended(LOST, 0), 3, LIMITS)
    assert (child.state, commands) == (State.STARTING, (Launch(),))


def test_other_files_are_taken_up_by_a_ready_child_without_an_end() -> None:
    child, commands = drive((Start(), 0), (BecameReady(), 1), (Reload(), 2))
    assert (child.state, commands) == (State.READY, (Renew(),))


def test_other_files_that_come_during_a_start_are_taken_up_once_it_is_ready() -> None:
    child, commands = drive((Start(), 0), (Reload(), 1))
    assert (child.state, commands) == (State.STARTING, ())
    child, commands = step(child, BecameReady(), 2, LIMITS)
    assert (child.state, commands) == (State.READY, (Renew(),))
    child, commands = drive((Start(), 0), (Reload(), 1), (Ended(DENIED, 0.5), 2))
    assert child.state is State.BACKOFF, "the refusal was of the files before"


@pytest.mark.parametrize("state", [State.BLOCKED, State.BACKOFF])
def test_other_files_end_a_wait_at_once(state: State) -> None:
    waiting = Child(state=state, deadline=1000.0, wanted=True)
    child, commands = step(waiting, Reload(), 1, LIMITS)
    assert (child.state, commands) == (State.STARTING, (Launch(),))


@pytest.mark.parametrize("state", [State.STOPPED, State.DRAINING])
def test_other_files_mean_nothing_without_a_run_to_take_them(state: State) -> None:
    child = Child(state=state, deadline=1000.0)
    assert step(child, Reload(), 1, LIMITS) == (child, ())
