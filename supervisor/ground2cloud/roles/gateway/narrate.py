"""What the log says about the gateway's own programs and about its lanes. Pure."""

import logging

from ground2cloud.core.states import State
from ground2cloud.core.supervise import Transition
from ground2cloud.reload.gateway_diff import GatewayChanges
from ground2cloud.roles.narrate import TOLD_AT, Told

TITLES = {"sshd": "sshd", "router": "the router"}


def tell(seen: Transition, ready_in: float) -> Told:
    """Say what a change of state means; `ready_in` are the seconds from its start to READY."""
    name, child = seen.name, seen.after
    title = TITLES.get(name, name)
    verdict = child.verdict
    words = verdict.message if verdict is not None else ""
    said = verdict.evidence or None if verdict is not None else None
    match child.state:
        case State.STARTING:
            return Told(logging.DEBUG, f"{name}-starting", f"{title} starting")
        case State.READY:
            return Told(logging.INFO, f"{name}-ready", f"{title} ready in {ready_in:.2f} s")
        case State.BACKOFF:
            return _tell_backoff(seen, title, words, said)
        case State.BLOCKED:
            hint = f" - {verdict.hint}" if verdict is not None and verdict.hint else ""
            return Told(logging.ERROR, f"{name}-blocked", f"{title} can't run: {words}{hint}", said)
        case State.DRAINING:
            return Told(logging.DEBUG, f"{name}-ending", f"{title} ending")
        case State.STOPPED:
            return Told(logging.INFO, f"{name}-stopped", f"{title} stopped")


def _tell_backoff(seen: Transition, title: str, words: str, said: str | None) -> Told:
    if seen.before.state is State.READY:
        return Told(logging.ERROR, f"{seen.name}-lost", f"{title} ended: {words}", said)
    failures = seen.after.failures
    told = failures in TOLD_AT or failures % 1000 == 0
    level = logging.ERROR if told else logging.DEBUG
    message = f"{title} not up (attempt {failures}): {words}"
    return Told(level, f"{seen.name}-failed", message, said)


def describe(changes: GatewayChanges) -> str:
    """Say in a line what a reload changed."""
    parts = [*changes.live, *(f"{key} at the next start" for key in changes.at_start)]
    return ", ".join(parts) or "nothing changed"
