"""What a role says about a child: how it is checked, started, understood and ended.

A role (agent, gateway) fills in a `ChildSpec`; nothing else in the core differs between an ssh,
an sshd and a router.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
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
class Prepared:
    """What one run needs, decided afresh before each start.

    Args:
        argv: the command; the first word is looked up in PATH.
        check_argv: run when the files changed; ends with 0 when they are good.
        changed: whether the files differ from those of the run before.
        heartbeat: seconds between lines sent through the child's stdin that an echoing child
            returns on its stdout; None where the child has no use for its stdin.
        install: puts the files where the child reads them, once they are known to be good; for a
            child whose files may not be lost to bad ones. None where `prepare` did that already.
    """

    argv: tuple[str, ...]
    check_argv: tuple[str, ...] | None = None
    changed: bool = False
    heartbeat: float | None = None
    install: Callable[[], None] | None = None


class RefusedError(Exception):
    """Raised by a child's `prepare` when there can be no run now; carries the verdict."""

    def __init__(self, verdict: Verdict) -> None:
        super().__init__(verdict.message)
        self.verdict = verdict


def bad_files(words: str) -> Verdict:
    """Judge files that the program's own check refused: they stay bad until they change."""
    return Verdict(Outcome.PERMANENT, "config-bad", "its configuration is refused", evidence=words)


@dataclass(frozen=True, slots=True)
class Limits:
    """The times that govern a child, in seconds.

    Args:
        backoff: how long to wait between attempts.
        prepare_timeout: a run whose process is not started by then is ended and counts as failed.
        start_timeout: the same, for one that is not ready so long after its process was started.
        stop_timeout: grace between the polite and the hard end.
        blocked_retry: how slowly a blocked child is tried all the same, since a mistake on the
            other side gets mended without this machine hearing of it.
        dead_after: an echoing child whose heartbeat is not answered for so long is dead. One that
            is asked whether it does its work is asked three times in it.
        probe_timeout: the same, when there is a reason to doubt the link.
    """

    backoff: BackoffPolicy = field(default_factory=BackoffPolicy)
    prepare_timeout: float = 60.0
    start_timeout: float = 60.0
    stop_timeout: float = 2.0
    blocked_retry: float = 300.0
    dead_after: float = 15.0
    probe_timeout: float = 3.0


@dataclass(frozen=True, slots=True)
class ChildSpec:
    """How one child is run.

    Args:
        name: unique among the children of a supervisor.
        prepare: puts the child's files in place and says how to start it. An OSError is a failure
            that may pass (a full disk), a `RefusedError` is a verdict of its own.
        observe: makes the listener of one run, after `prepare`.
        limits: the times that govern it.
        refused: the verdict on files that the check refused, from the check's words.
        env: added to the environment of the supervisor.
        reload_signal: what tells the living process to read its files again (POSIX); None where it
            can't.
        reloads: how often it has said that it heard that signal, counted by `observe`'s listener;
            the signal is repeated until it says so. None where it says nothing.
        answers: asks the living process whether it does its work, within a time of its own; None
            where it can't be asked.
    """

    name: str
    prepare: Callable[[], Awaitable[Prepared]]
    observe: Callable[[], Observer]
    limits: Limits = field(default_factory=Limits)
    refused: Callable[[str], Verdict] = bad_files
    env: Mapping[str, str] = field(default_factory=dict)
    reload_signal: int | None = None
    reloads: Callable[[], int] | None = None
    answers: Callable[[], Awaitable[bool]] | None = None
