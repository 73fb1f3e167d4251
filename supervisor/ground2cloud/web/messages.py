"""What the local API says, as JSON. The command line reads exactly these types.

A reader ignores fields that it doesn't know, so that a field may be added without a new version of
the API; none may be taken away or change its meaning.
"""

from typing import Annotated, Literal, Protocol

from msgspec import Meta, Struct

LightState = Literal["up", "down", "unknown"]


class Light(Struct, frozen=True):
    """One proof. `at` is when it was last proved or disproved (ISO 8601, UTC); None if never."""

    state: LightState = "unknown"
    at: str | None = None
    detail: str = ""


class Lights(Struct, frozen=True):
    """The four proofs of a service, in the order in which a request meets them."""

    ssh: Light
    listener: Light
    path: Light
    application: Light


class LaneStatus(Struct, frozen=True, kw_only=True):
    """One supervised ssh. Times in seconds, sizes in bytes; None where it can't be known now.

    `session` says whether a session is held beside the forwards (`held`), not (`none`), or not yet
    known (`unknown`). `bytes_read` counts what ssh read, from the gateway and from applications.
    `reason` is the slug of the last error's verdict (`port-taken`), `hint` what to do about it.
    """

    name: str
    state: str
    services: tuple[str, ...]
    session: str
    pid: int | None = None
    uptime: float | None = None
    ready_in: float | None = None
    restarts: int = 0
    failures: int = 0
    next_try_in: float | None = None
    last_error: str | None = None
    last_error_at: str | None = None
    reason: str = ""
    hint: str = ""
    round_trip: float | None = None
    round_trip_at: str | None = None
    cpu_percent: float | None = None
    memory: int | None = None
    connections: int | None = None
    bytes_read: int | None = None
    slot: str | None = None


class ServiceStatus(Struct, frozen=True, kw_only=True):
    """One service. `state` is up (its lane is ready), down, or paused."""

    name: str
    kind: str
    target: str
    remote: str
    state: Literal["up", "down", "paused"]
    lane: str | None
    lights: Lights


class RegistrationStatus(Struct, frozen=True, kw_only=True):
    """The agent as a registration of its gateway; `id` is None as long as it is none.

    `light` says whether the backchannel answers; without it lanes go on as they are. `clock_skew`
    is the gateway's clock less this machine's in seconds, `round_trip` that of the last call.
    `rotating`: a new key is made and not proven yet. `problem` and `hint` say what a person should
    do.
    """

    id: int | None = None
    name: str = ""
    slots: tuple[str, ...] = ()
    endpoints: tuple[str, ...] = ()
    backchannel: str = ""
    light: Light = Light()
    clock_skew: float | None = None
    round_trip: float | None = None
    rotating: bool = False
    problem: str = ""
    hint: str = ""


class Status(Struct, frozen=True, kw_only=True):
    """Everything `ground2cloud status` shows. `problems` are those of the file as it is now.

    `log` is the file that is written, `log_trouble` what is wrong with it; empty if nothing is.
    `registration` is None where the file says where the gateway is.
    """

    version: str
    pid: int
    config: str
    log: str | None
    gateway: str
    started_at: str
    uptime: float
    summary: str
    lanes: tuple[LaneStatus, ...]
    services: tuple[ServiceStatus, ...]
    problems: tuple[str, ...] = ()
    log_trouble: str = ""
    memory: int | None = None
    cpu_percent: float | None = None
    registration: RegistrationStatus | None = None


class Answer(Struct, frozen=True):
    """The answer to a request: done, or why not, a line for each reason.

    `message` is one line for people; `problems` are those of the configuration file, if it is what
    stands in the way; `hint` says what to do.
    """

    ok: bool
    problems: tuple[str, ...] = ()
    message: str = ""
    hint: str = ""


class ControlFile(Struct, frozen=True):
    """`control.json` in the run directory: where the running agent answers, and to whom."""

    address: str
    token: Annotated[str, Meta(pattern="^[A-Za-z0-9_-]{20,200}$")]
    pid: int


CONTROL_FILE = "control.json"
"""Name of the file in the run directory; readable by the agent's user alone."""


class Control(Protocol):
    """What the API needs of the running agent."""

    def status(self) -> Status:
        """Answer with what is known now, without asking anyone."""
        ...

    async def reload(self) -> Answer:
        """Load the file again and apply it; wait for the result."""
        ...

    async def pause(self, service: str) -> Answer:
        """Withdraw a service that exists from the gateway until it is resumed."""
        ...

    async def resume(self, service: str) -> Answer:
        """Offer a service that exists again, if it was paused."""
        ...

    async def restart(self) -> Answer:
        """End every lane and start it again; answer when the old runs have ended."""
        ...

    async def stop(self) -> Answer:
        """Ask the program to end; answer at once, before it does."""
        ...
