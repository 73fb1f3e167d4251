"""The states of a child and the written table of the ways between them.

STOPPED ──▶ STARTING ──▶ READY ──▶ DRAINING ──▶ STOPPED
             │  ▲  │       │          │
             │  │  └─▶ BLOCKED        └──▶ STARTING (a restart)
             ▼  │          │
           BACKOFF ◀───────┘ (from READY)
"""

from enum import StrEnum


class State(StrEnum):
    """Where a child is in its life."""

    STOPPED = "stopped"
    """No process, and none wanted."""
    STARTING = "starting"
    """Being checked or started; not yet proven to work."""
    READY = "ready"
    """Proven to work, by what the child itself said."""
    DRAINING = "draining"
    """Told to end; the process may still live."""
    BACKOFF = "backoff"
    """Failed for a cause that may pass; waiting to start again."""
    BLOCKED = "blocked"
    """Failed for a cause that does not pass by itself; leaves on a change, on request or slowly."""


TRANSITIONS: dict[State, frozenset[State]] = {
    State.STOPPED: frozenset({State.STARTING}),
    State.STARTING: frozenset({State.READY, State.DRAINING, State.BACKOFF, State.BLOCKED}),
    State.READY: frozenset({State.DRAINING, State.BACKOFF}),
    State.DRAINING: frozenset({State.STOPPED, State.STARTING}),
    State.BACKOFF: frozenset({State.STARTING, State.STOPPED}),
    State.BLOCKED: frozenset({State.STARTING, State.STOPPED}),
}
"""Every way that exists. A child that was READY is always tried once more before it is BLOCKED."""

WITH_PROCESS = frozenset({State.STARTING, State.READY, State.DRAINING})
"""The states in which a process may be alive."""
