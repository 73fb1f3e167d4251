"""What the gateway's local API says, as JSON; the same rules hold as in `messages`."""

from typing import Literal, Protocol

from msgspec import Struct

from ground2cloud.web.messages import Answer, Lights

AgentState = Literal["active", "degraded", "no-response", "revoked"]


class LaneView(Struct, frozen=True, kw_only=True):
    """A lane of a registration, as the gateway sees it.

    `source` is the address it came from, `since` when it logged in (ISO 8601, UTC), `pid` its
    process of sshd. `round_trip` in seconds, as the agent measured it.
    """

    slot: str
    source: str
    since: str
    pid: int
    round_trip: float | None = None


class TunnelView(Struct, frozen=True, kw_only=True):
    """A service of a registration, with its tunnel port and what the router carried for it.

    `requests` counts requests, CONNECTs and plain connections since the router's last reload,
    `open` those that last now; bytes as the caller sends (`bytes_in`) and gets (`bytes_out`). None
    where the router can't be asked.
    """

    name: str
    kind: str
    port: int
    lights: Lights
    requests: int | None = None
    open: int | None = None
    bytes_in: int | None = None
    bytes_out: int | None = None


class AgentView(Struct, frozen=True, kw_only=True):
    """One registration. `rotating` says that a second key waits to be proven."""

    id: int
    name: str
    state: AgentState
    services: tuple[TunnelView, ...]
    lanes: tuple[LaneView, ...] = ()
    slots: tuple[str, ...] = ()
    version: str | None = None
    address: str | None = None
    created_at: str = ""
    seen_at: str | None = None
    last_error: str | None = None
    clock_skew: float | None = None
    rotating: bool = False


class Agents(Struct, frozen=True, kw_only=True):
    """All registrations, by their number."""

    agents: tuple[AgentView, ...]


class ChildView(Struct, frozen=True, kw_only=True):
    """One supervised program of the gateway: sshd or the router. Times in seconds."""

    name: str
    state: str
    pid: int | None = None
    uptime: float | None = None
    restarts: int = 0
    next_try_in: float | None = None
    last_error: str | None = None
    hint: str = ""


class GatewayStatus(Struct, frozen=True, kw_only=True):
    """Everything `ground2cloud gateway status` shows. `counts` are registrations by their state."""

    version: str
    pid: int
    config: str
    log: str | None
    host: str
    started_at: str
    uptime: float
    summary: str
    children: tuple[ChildView, ...]
    addresses: dict[str, str]
    counts: dict[str, int]
    elements: int
    problems: tuple[str, ...] = ()
    memory: int | None = None
    cpu_percent: float | None = None


class GatewayControl(Protocol):
    """What the API needs of the running gateway."""

    async def status(self) -> GatewayStatus:
        """Answer with what is known now."""
        ...

    async def agents(self) -> Agents:
        """Answer with all registrations and their lanes."""
        ...

    async def refresh(self, registration: int | None) -> Answer:
        """Take up what a command has changed in the registry; answer when it is in force.

        Args:
            registration: which one was changed; None: anything may have changed.
        """
        ...

    async def reload(self) -> Answer:
        """Load the configuration again and put it in force; answer how that went."""
        ...

    async def restart(self) -> Answer:
        """Ask the program to begin anew; answer at once, before it does, or that it can't."""
        ...

    async def stop(self) -> Answer:
        """Ask the program to end; answer at once, before it does."""
        ...
