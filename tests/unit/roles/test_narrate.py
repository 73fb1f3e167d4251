"""What the log says about a lane: the new in full, the same ever more rarely."""

import logging
from dataclasses import replace

from ground2cloud.config.model import Kind, Service
from ground2cloud.core.machine import Child
from ground2cloud.core.spec import Outcome, Verdict
from ground2cloud.core.states import State
from ground2cloud.reload.diff import Changes, Edited
from ground2cloud.roles.narrate import Told, describe, tell, title

REFUSED = Verdict(Outcome.TRANSIENT, "refused", "the gateway refuses connections", "", "ssh: no")
DENIED = Verdict(Outcome.PERMANENT, "permission-denied", "the key is not let in", "add the line")


def said(before: Child, after: Child) -> Told:
    told = tell("lane1", before, after, gateway="g:22", ready_in=0.31, forwards=2)
    assert told is not None
    return told


def failed(times: int, verdict: Verdict = REFUSED, state: State = State.BACKOFF) -> Child:
    return Child(state, since=10.0, deadline=14.0, failures=times, verdict=verdict, launches=times)


STARTING = Child(State.STARTING, launches=1)


def test_ready_tells_the_time_and_the_forwards() -> None:
    told = said(STARTING, Child(State.READY))
    assert (told.level, told.event) == (logging.INFO, "lane-ready")
    assert told.message == "lane 1 ready in 0.31 s, 2 forwards"


def test_a_lane_that_was_up_is_lost_with_a_warning_and_ssh_s_words() -> None:
    told = said(Child(State.READY), replace(failed(0), deadline=10.03))
    assert (told.level, told.event, told.said) == (logging.WARNING, "lane-lost", "ssh: no")
    assert told.message == "lane 1 lost: the gateway refuses connections; trying again now"


def test_a_failure_that_goes_on_is_told_ever_more_rarely() -> None:
    before = replace(STARTING, verdict=REFUSED)
    told = [n for n in range(1, 5001) if said(before, failed(n)).level >= logging.WARNING]
    assert told == [1, 2, 3, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 3000, 4000, 5000]


def test_another_failure_is_told_at_once() -> None:
    before = replace(STARTING, verdict=DENIED)
    assert said(before, failed(77)).level == logging.WARNING


def test_a_block_says_what_to_do_once() -> None:
    told = said(STARTING, failed(1, DENIED, State.BLOCKED))
    assert told.level == logging.ERROR
    assert told.message == "lane 1 blocked: the key is not let in; add the line"
    again = said(replace(STARTING, verdict=DENIED), failed(2, DENIED, State.BLOCKED))
    assert again.level == logging.DEBUG


def test_only_the_first_start_is_told_the_retries_are_in_the_failures() -> None:
    assert said(Child(), STARTING).level == logging.INFO
    assert said(failed(3), replace(STARTING, launches=4)).level == logging.DEBUG


def test_a_reload_is_described_in_a_line() -> None:
    one = Service(name="one", kind=Kind.TCP, port=1, remote_port=2)
    moved = Edited(one, one)
    changes = Changes(added=(one,), retargeted=(moved,), log_changed=True, paths_changed=True)
    assert describe(changes) == "added one; moved one; [log]; [paths] at the next start"
    assert describe(Changes()) == "nothing changed"


def test_a_lane_is_named_as_people_would() -> None:
    assert title("lane12") == "lane 12"
