"""The whole behaviour of a supervised child, as one pure function.

`step(child, event, now, limits)` answers what the child is after the event and what must be done.
It performs nothing and knows no clock: `now` is monotonic seconds, randomness comes in events. An
event that means nothing in the present state changes nothing.
"""

from dataclasses import dataclass, replace
from typing import assert_never

from ground2cloud.core.events import (
    BecameReady,
    Changed,
    Command,
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
from ground2cloud.core.spec import Limits, Outcome, Verdict
from ground2cloud.core.states import State

NOT_READY = Verdict(Outcome.TRANSIENT, "not-ready", "it did not become ready in time")


@dataclass(frozen=True, slots=True)
class Child:
    """One child as the machine knows it. Times are monotonic seconds.

    `deadline` is when `Due` is owed, None for never. `failures` counts the runs in a row that did
    not prove themselves, `restarts` the runs after the first. `verdict` is why the last run ended;
    `cause` why this one is being ended by us; `outdated` that something this run began with (a key,
    a setting) has changed since, so that its verdict says little about the next one; `stale` that
    other files came too late for its start, and are due when it is ready.
    """

    state: State = State.STOPPED
    since: float = 0.0
    deadline: float | None = None
    wanted: bool = False
    failures: int = 0
    launches: int = 0
    verdict: Verdict | None = None
    cause: Verdict | None = None
    outdated: bool = False
    stale: bool = False

    @property
    def restarts(self) -> int:
        """How often it was started again."""
        return max(0, self.launches - 1)


Step = tuple[Child, tuple[Command, ...]]


def step(child: Child, event: Event, now: float, limits: Limits) -> Step:  # noqa: C901, PLR0911, PLR0912 - one way per event
    """Answer the child after `event`, and the commands to perform in their order."""
    match event:
        case Start():
            wanted = replace(child, wanted=True)
            return _launch(wanted, now, limits) if child.state is State.STOPPED else (wanted, ())
        case Stop():
            return _stop(replace(child, wanted=False), now, limits)
        case Restart():
            return _restart(replace(child, wanted=True, failures=0), now, limits)
        case Reload():
            return _reload(child, now, limits)
        case Spawned():
            return _spawned(child, now, limits), ()
        case BecameReady():
            return _ready(child, now, limits)
        case Ended():
            return _ended(child, event, now, limits)
        case Unresponsive():
            return _unresponsive(child, event.verdict, now, limits)
        case Due():
            return _due(child, now, limits)
        case Changed():
            return _again(replace(child, outdated=True), now, limits)
        case Wake():
            if child.state is State.READY:
                return child, (Probe(),)
            return _again(child, now, limits) if child.state is State.BACKOFF else (child, ())
        case _:
            assert_never(event)


def _enter(child: Child, state: State, now: float, deadline: float | None) -> Child:
    return replace(child, state=state, since=now, deadline=deadline)


def _launch(child: Child, now: float, limits: Limits) -> Step:
    child = replace(child, launches=child.launches + 1, cause=None, outdated=False, stale=False)
    return _enter(child, State.STARTING, now, now + limits.prepare_timeout), (Launch(),)


def _spawned(child: Child, now: float, limits: Limits) -> Child:
    if child.state is not State.STARTING or child.cause is not None:
        return child
    return replace(child, deadline=now + limits.start_timeout)


def _drain(child: Child, now: float, limits: Limits) -> Step:
    return _enter(child, State.DRAINING, now, now + limits.stop_timeout), (End(hard=False),)


def _stop(child: Child, now: float, limits: Limits) -> Step:
    match child.state:
        case State.STARTING | State.READY:
            return _drain(child, now, limits)
        case State.BACKOFF | State.BLOCKED:
            return _enter(child, State.STOPPED, now, None), ()
        case State.STOPPED | State.DRAINING:
            return child, ()
        case _:
            assert_never(child.state)


def _restart(child: Child, now: float, limits: Limits) -> Step:
    match child.state:
        case State.STARTING | State.READY:
            return _drain(child, now, limits)
        case State.STOPPED | State.BACKOFF | State.BLOCKED:
            return _launch(child, now, limits)
        case State.DRAINING:
            return child, ()
        case _:
            assert_never(child.state)


def _reload(child: Child, now: float, limits: Limits) -> Step:
    match child.state:
        case State.READY:
            return child, (Renew(),)
        case State.STARTING:
            return replace(child, stale=True), ()
        case State.BACKOFF | State.BLOCKED:
            return _launch(child, now, limits)
        case State.STOPPED | State.DRAINING:
            return child, ()  # a run to come begins with the files of its time
        case _:
            assert_never(child.state)


def _again(child: Child, now: float, limits: Limits) -> Step:
    if child.state in {State.BACKOFF, State.BLOCKED}:
        return _launch(child, now, limits)
    return child, ()


def _ready(child: Child, now: float, limits: Limits) -> Step:
    if child.state is not State.STARTING or child.cause is not None:
        return child, ()
    ready = _enter(child, State.READY, now, now + limits.backoff.reset_after)
    return (replace(ready, stale=False), (Renew(),)) if ready.stale else (ready, ())


def _unresponsive(child: Child, verdict: Verdict, now: float, limits: Limits) -> Step:
    if child.state not in {State.STARTING, State.READY}:
        return child, ()
    ending = replace(child, cause=verdict, deadline=now + limits.stop_timeout)
    return ending, (End(hard=True),)


def _due(child: Child, now: float, limits: Limits) -> Step:
    if child.deadline is None or now < child.deadline:
        return child, ()
    match child.state:
        case State.STARTING:
            return _unresponsive(child, child.cause or NOT_READY, now, limits)
        case State.READY if child.cause is None:
            return replace(child, failures=0, deadline=None), ()
        case State.READY | State.DRAINING:
            # A process that survives SIGKILL sits in the kernel; asking again is all one can do.
            return replace(child, deadline=now + limits.stop_timeout), (End(hard=True),)
        case State.BACKOFF | State.BLOCKED:
            return _launch(child, now, limits)
        case State.STOPPED:
            return child, ()
        case _:
            assert_never(child.state)


def _ended(child: Child, event: Ended, now: float, limits: Limits) -> Step:
    verdict = child.cause or event.verdict
    child = replace(child, verdict=verdict, cause=None)
    match child.state:
        case State.DRAINING if child.wanted:
            return _launch(child, now, limits)
        case State.DRAINING:
            return _enter(child, State.STOPPED, now, None), ()
        case State.STARTING | State.READY:
            return _failed(child, verdict, event.luck, now, limits), ()
        case State.STOPPED | State.BACKOFF | State.BLOCKED:
            return child, ()  # no run belongs to these states
        case _:
            assert_never(child.state)


def _failed(child: Child, verdict: Verdict, luck: float, now: float, limits: Limits) -> Child:
    if child.state is State.READY:
        proven = now - child.since >= limits.backoff.reset_after
        number = 0 if proven else child.failures
        wait = limits.backoff.delay(number, luck)
        child = replace(child, failures=0 if proven else number + 1)
        return _enter(child, State.BACKOFF, now, now + wait)
    child = replace(child, failures=child.failures + 1)
    if verdict.outcome is Outcome.PERMANENT and not (child.outdated or child.stale):
        return _enter(child, State.BLOCKED, now, now + limits.blocked_retry)
    wait = limits.backoff.delay(child.failures, luck)
    return _enter(child, State.BACKOFF, now, now + wait)
