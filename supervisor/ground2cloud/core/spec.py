"""What a role says about a child: how it is checked, started, understood and ended.

A role (agent, gateway) fills in a `ChildSpec`; nothing else in the core differs between an ssh,
an sshd and a router.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Protocol

from ground2cloud.core.backoff import BackoffPolicy


class Outcome(StrEnum):
    """What an ended child means for what happens next."""

    TRANSIENT = "transient"
    """May pass by itself: back off and retry, for ever."""
    PERMANENT = "permanent"
    """Does not pass by itself: blocked until something changes, retried slowly."""
    REQUESTED = "requested"
    """We asked for it."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """Why a child ended, or could not start.

    `reason` is a stable slug for programs and tests (`port-taken`), `message` one line for people,
    `hint` what to do about it, `evidence` the child's own words.
    """

    outcome: Outcome
    reason: str
    message: str
    hint: str = ""
    evidence: str = ""


class Observer(Protocol):
    """Listens to one run of a child; a new one is made for every start."""

    def line(self, text: str) -> bool:
        """Take one line of the child's stderr; answer whether the child is ready as of now."""
        ...

    def verdict(self, exit_code: int) -> Verdict:
        """Say what the exit means; negative codes are signals (POSIX)."""
        ...


@dataclass(frozen=True, slots=True)
class ChildSpec:
    """How one child is run. Times in seconds.

    Args:
        name: unique among the children of a supervisor.
        argv: the command; the first word is looked up in PATH.
        files: rendered files, written atomically before each start.
        check_argv: ends with 0 when the files are good; its stderr is the error otherwise.
        observe: makes the listener of one run.
        backoff: how long to wait between attempts.
        env: added to the environment of the supervisor.
        start_timeout: a run that is not ready by then is ended and counts as failed.
        stop_timeout: grace between the polite and the hard end.
        blocked_retry: how slowly a blocked child is tried all the same.
        heartbeat: interval at which a line is sent through the child's stdin and expected back on
            its stdout; None where the child doesn't echo.
    """

    name: str
    argv: tuple[str, ...]
    observe: Callable[[], Observer]
    backoff: BackoffPolicy
    files: Mapping[Path, str] = field(default_factory=dict)
    check_argv: tuple[str, ...] | None = None
    env: Mapping[str, str] = field(default_factory=dict)
    start_timeout: float = 60.0
    stop_timeout: float = 3.0
    blocked_retry: float = 300.0
    heartbeat: float | None = None
