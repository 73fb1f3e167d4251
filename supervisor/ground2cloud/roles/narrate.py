"""What the log says about a lane: pure, from transitions to lines for people.

A failure that goes on is told when it is new and then ever more rarely, so that a gateway that is
away for a week leaves a page in the log and not a book.
"""

import logging
from dataclasses import dataclass

from ground2cloud.core.machine import Child
from ground2cloud.core.spec import Verdict
from ground2cloud.core.states import State
from ground2cloud.reload.diff import Changes

TOLD_AT = frozenset({1, 2, 3, 5, 10, 20, 50, 100, 200, 500})
"""The failures in a row that are told at INFO or above; beyond, every thousandth."""


@dataclass(frozen=True, slots=True)
class Told:
    """One log record to be: level, stable event, line for people, and what the program said."""

    level: int
    event: str
    message: str
    said: str | None = None
    attempt: int | None = None


def title(lane: str) -> str:
    """The lane's name for people: lane1 is `lane 1`."""
    return f"lane {lane.removeprefix('lane')}"


def tell(
    lane: str, before: Child, after: Child, *, gateway: str, ready_in: float, forwards: int
) -> Told | None:
    """Say what a change of state means, None where it means nothing to a reader.

    `ready_in` are the seconds from the start of ssh to READY, `forwards` how many it carries.
    """
    name = title(lane)
    match after.state:
        case State.STARTING:
            first = after.launches == 1 or before.state is State.DRAINING
            level = logging.INFO if first else logging.DEBUG
            return Told(level, "lane-starting", f"{name} connecting to {gateway}")
        case State.READY:
            count = f"{forwards} forward" + ("" if forwards == 1 else "s")
            return Told(logging.INFO, "lane-ready", f"{name} ready in {ready_in:.2f} s, {count}")
        case State.BACKOFF:
            return _tell_backoff(name, before, after)
        case State.BLOCKED:
            return _tell_blocked(name, before, after)
        case State.DRAINING:
            return Told(logging.INFO, "lane-ending", f"{name} ending")
        case State.STOPPED:
            return Told(logging.INFO, "lane-stopped", f"{name} stopped")


def _tell_backoff(name: str, before: Child, after: Child) -> Told:
    verdict = after.verdict
    assert verdict is not None
    wait = max(0.0, (after.deadline or 0.0) - after.since)
    soon = "now" if wait < 0.1 else f"in {wait:.1f} s"  # noqa: PLR2004 - shorter than a reader's eye
    message = f"{verdict.message}; trying again {soon}"
    if before.state is State.READY:
        return Told(logging.WARNING, "lane-lost", f"{name} lost: {message}", verdict.evidence)
    new = before.verdict is None or before.verdict.reason != verdict.reason
    told = new or after.failures in TOLD_AT or after.failures % 1000 == 0
    return Told(
        logging.WARNING if told else logging.DEBUG,
        "lane-failed",
        f"{name} not up (attempt {after.failures}): {message}",
        verdict.evidence,
        after.failures,
    )


def _tell_blocked(name: str, before: Child, after: Child) -> Told:
    verdict = after.verdict
    assert verdict is not None
    message = f"{name} blocked: {verdict.message}" + (f"; {verdict.hint}" if verdict.hint else "")
    again = before.verdict is not None and same_cause(before.verdict, verdict)
    level = logging.DEBUG if again else logging.ERROR
    return Told(level, "lane-blocked", message, verdict.evidence, after.failures)


def same_cause(one: Verdict, other: Verdict) -> bool:
    """Whether two verdicts tell the reader the same."""
    return (one.reason, one.message, one.hint) == (other.reason, other.message, other.hint)


def describe(changes: Changes) -> str:
    """Say in a line what a reload changed, in the order of what matters."""
    parts = []
    for word, services in (
        ("added", [each.name for each in changes.added]),
        ("removed", [each.name for each in changes.removed]),
        ("moved", [each.new.name for each in (*changes.retargeted, *changes.rebound)]),
        ("changed", [each.new.name for each in changes.rekinded]),
    ):
        if services:
            parts.append(f"{word} {', '.join(services)}")
    if changes.gateway_or_ssh_changed:
        parts.append("new connection to the gateway")
    if changes.backoff_changed:
        parts.append("[backoff]")
    if changes.log_changed:
        parts.append("[log]")
    if changes.api_changed:
        parts.append("[api]")
    if changes.paths_changed:
        parts.append("[paths] at the next start")
    return "; ".join(parts) or "nothing changed"
