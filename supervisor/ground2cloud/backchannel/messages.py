"""What agent and gateway say to each other, as JSON, and what the gateway must implement.

Both sides decode with these types, so that every limit here binds a hostile agent as well as a
backchannel that lies. A reader ignores fields that it doesn't know: a field with a default may be
added to v1; none may be taken away or change its meaning.

These strings reach `authorized_keys`, `ssh_config` and terminals, so free text is short and
printable, and no pattern ends in a bare `$`: Python's lets one line end pass.
"""

from collections.abc import Iterable
from typing import Annotated, Literal, Protocol

from msgspec import Meta, Struct

from ground2cloud.config.model import MOST_SERVICES, Kind, Port

_NAME = r"[a-z0-9][a-z0-9_-]{0,62}"
_HOST_NAME = r"[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?"
_ED25519 = r"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI[A-P][A-Za-z0-9+/]{42}"  # 32 bytes to the bit
_END = r"$(?!\n)"

MAX_SLOTS = 16
MAX_ENDPOINTS = 16

ServiceName = Annotated[str, Meta(pattern=f"^{_NAME}{_END}", max_length=63)]
Slot = Annotated[
    str,
    Meta(
        pattern=rf"^127\.0\.0\.([1-9]|[1-9][0-9]|1[0-9]{{2}}|2[0-4][0-9]|25[0-4]){_END}",
        max_length=11,
        description="A loopback address of the gateway.",
        examples=["127.0.0.1"],
    ),
]
ProbeAddress = Annotated[
    str,
    Meta(
        pattern=rf"^127(\.(0|[1-9][0-9]?|1[0-9]{{2}}|2[0-4][0-9]|25[0-5])){{3}}{_END}",
        max_length=15,
        description="A loopback address of the gateway, for one slot of one registration.",
        examples=["127.128.31.72"],
    ),
]
PublicKey = Annotated[
    str,
    Meta(
        pattern=f"^{_ED25519}{_END}",
        max_length=80,
        description="An ed25519 public key as OpenSSH writes it, without comment.",
    ),
]
Token = Annotated[
    str,
    Meta(
        pattern=f"^[A-Za-z0-9_-]{{43}}{_END}",
        max_length=43,
        description="256 random bits in base64url.",
    ),
]
HostName = Annotated[
    str,
    Meta(
        pattern=f"^({_HOST_NAME}|[0-9A-Fa-f]{{0,4}}:[0-9A-Fa-f:.]{{1,40}}){_END}",
        min_length=1,
        max_length=253,
        description="A host name or an IP address, IPv6 without brackets.",
    ),
]
Line = Annotated[
    str, Meta(pattern=rf"^[^\u0000-\u001f\u007f-\u009f\u2028\u2029]*{_END}", max_length=200)
]
Account = Annotated[str, Meta(pattern=f"^[a-z_][a-z0-9_-]{{0,31}}{_END}", max_length=32)]
RegistrationId = Annotated[int, Meta(ge=1, le=2**31 - 1, examples=[1001])]
Seconds = Annotated[float, Meta(ge=0, le=10.0**10)]
Wait = Annotated[float, Meta(ge=0, le=3600)]


class Message(Struct, frozen=True, kw_only=True):
    """What goes over the wire."""


def _differ(what: str, values: Iterable[object]) -> None:
    """Let decoding fail (msgspec makes it a ValidationError) where a value comes twice."""
    listed = list(values)
    if len(set(listed)) != len(listed):
        raise ValueError(f"the same {what} twice")


class WantedService(Message, frozen=True, kw_only=True):
    """A service that the agent is configured with. Where the application listens stays private."""

    name: ServiceName
    kind: Kind


def _check_wanted(services: tuple[WantedService, ...]) -> None:
    if len(services) > MOST_SERVICES:
        raise ValueError(f"at most {MOST_SERVICES} services, got {len(services)}")
    _differ("service", (one.name for one in services))


class AllottedService(Message, frozen=True, kw_only=True):
    """A service with its tunnel port, the same on every slot of the registration."""

    name: ServiceName
    kind: Kind
    port: Port


class Endpoint(Message, frozen=True, kw_only=True):
    """Where the gateway's sshd is reached, from the agent."""

    host: HostName
    port: Port


# How many there may be, `_check_wanted` says in the words of a person who has too many.
WantedServices = Annotated[
    tuple[WantedService, ...], Meta(extra_json_schema={"maxItems": MOST_SERVICES})
]
AllottedServices = Annotated[tuple[AllottedService, ...], Meta(max_length=MOST_SERVICES)]
Endpoints = Annotated[tuple[Endpoint, ...], Meta(max_length=MAX_ENDPOINTS)]


class Authority(Message, frozen=True, kw_only=True):
    """The gateway's CA certificate as PEM. To be believed only when its SHA-256 is the pin."""

    certificate: Annotated[str, Meta(min_length=1, max_length=16_384)]


class RegisterRequest(Message, frozen=True, kw_only=True):
    """Make a registration; the join token is the bearer token of this call alone.

    `token` is the agent token of all later calls. The agent makes it up, so that a call whose
    answer was lost can be repeated: same join token, key and token give the same registration.
    `name` is a name for people, where the invite has none.
    """

    key: PublicKey
    token: Token
    services: WantedServices
    name: Line = ""
    version: Line = ""

    def __post_init__(self) -> None:
        """Refuse two services of one name, and too many."""
        _check_wanted(self.services)

    def __repr__(self) -> str:
        """Show everything but the token."""
        return f"RegisterRequest(key={self.key!r}, services={self.services!r}, name={self.name!r})"


class Registered(Message, frozen=True, kw_only=True):
    """A registration, as the agent needs it.

    `host_ca` signs the host keys of the gateway. Its host certificates name `host_alias`, whatever
    the endpoint is called (ssh's HostKeyAlias).
    """

    registration: RegistrationId
    name: Line = ""
    user: Account
    endpoints: Annotated[Endpoints, Meta(min_length=1)]
    host_ca: PublicKey
    host_alias: HostName
    slots: Annotated[tuple[Slot, ...], Meta(min_length=1, max_length=MAX_SLOTS)]
    services: AllottedServices

    def __post_init__(self) -> None:
        """Refuse what can't all be true."""
        _differ("slot", self.slots)
        _differ("service", (one.name for one in self.services))
        _differ("port", (one.port for one in self.services))


class ServicesRequest(Message, frozen=True, kw_only=True):
    """The services as configured now. What is left out is withdrawn; its port stays reserved."""

    services: WantedServices

    def __post_init__(self) -> None:
        """Refuse two services of one name, and too many."""
        _check_wanted(self.services)


class ServicesAnswer(Message, frozen=True, kw_only=True):
    """The services asked for, with their ports, which a lane that starts now may bind."""

    services: AllottedServices

    def __post_init__(self) -> None:
        """Refuse what can't all be true."""
        _differ("service", (one.name for one in self.services))
        _differ("port", (one.port for one in self.services))


class ClaimRequest(Message, frozen=True, kw_only=True):
    """The agent wants this slot for a new lane.

    `older_than`: only a holder whose session is older than this many seconds is ended. An agent
    that dials while it claims gives the time since it began to dial, so that its new session is
    never taken for the stale one.
    """

    older_than: Wait = 0.0


class ProbePlace(Message, frozen=True, kw_only=True):
    """Where a lane may listen on the gateway beside its services, for probes to be sent down it."""

    address: ProbeAddress
    port: Port


class ClaimAnswer(Message, frozen=True, kw_only=True):
    """What became of the holder: there was `none`, it was `ended`, or it is young and was `kept`.

    `dial_in` is how many seconds to wait before dialling, so that many agents don't come at once;
    with `again`, before claiming once more instead: others are before this one. `probe` is what
    the lane forwards to the agent's responder; without it the path can't be proved.
    """

    holder: Literal["none", "ended", "kept"]
    dial_in: Wait
    again: bool = False
    probe: ProbePlace | None = None


class LaneReport(Message, frozen=True, kw_only=True):
    """A lane as its agent sees it. Times in seconds; None where it isn't known."""

    slot: Slot
    state: Literal["stopped", "starting", "ready", "draining", "backoff", "blocked"]
    ready_for: Seconds | None = None
    round_trip: Seconds | None = None
    last_error: Line = ""


class ServiceReport(Message, frozen=True, kw_only=True):
    """A service as its agent sees it; `application` is the light of the application behind it."""

    name: ServiceName
    paused: bool = False
    application: Literal["up", "down", "unknown"] = "unknown"
    detail: Line = ""


class HeartbeatRequest(Message, frozen=True, kw_only=True):
    """How the agent is. `time` is its wall clock, in seconds since 1970, for people to compare."""

    version: Line
    time: Seconds
    lanes: Annotated[tuple[LaneReport, ...], Meta(max_length=2 * MAX_SLOTS)] = ()
    services: Annotated[tuple[ServiceReport, ...], Meta(max_length=MOST_SERVICES)] = ()


class Notice(Message, frozen=True, kw_only=True):
    """Something the gateway's operator or the gateway wants the agent's log to say."""

    code: ServiceName
    message: Line


class HeartbeatAnswer(Message, frozen=True, kw_only=True):
    """What the agent should know.

    Args:
        next_in: seconds until the next heartbeat.
        notices: for the agent's log.
        endpoints: all endpoints as of now; empty when they are as before.
        keys: the public keys that may log in, the proven one first; two while a rotation runs.
    """

    next_in: Annotated[float, Meta(ge=1, le=3600)]
    notices: Annotated[tuple[Notice, ...], Meta(max_length=16)] = ()
    endpoints: Endpoints = ()
    keys: Annotated[tuple[PublicKey, ...], Meta(max_length=2)] = ()


class ProbeRequest(Message, frozen=True, kw_only=True):
    """Send this down the lane of `slot`, to the agent's responder, which gives it back."""

    slot: Slot
    nonce: Annotated[str, Meta(pattern=f"^[A-Za-z0-9_-]{{8,64}}{_END}", max_length=64)]


class ProbeAnswer(Message, frozen=True, kw_only=True):
    """Whether the nonce came back, and in how many seconds; `detail` says why it did not.

    `not-supported` by a gateway that sends no probes for this registration.
    """

    result: Literal["passed", "failed", "not-supported"]
    took: Seconds | None = None
    detail: Line = ""


class KeyRequest(Message, frozen=True, kw_only=True):
    """The key that shall replace the present one; the present one itself takes that back."""

    key: PublicKey


class KeyAnswer(Message, frozen=True, kw_only=True):
    """`proposed`: both keys are valid until a lane came in with it; `proven`: it is the only one.

    The call may be repeated to learn which.
    """

    state: Literal["proposed", "proven"]


class Unregistered(Message, frozen=True, kw_only=True):
    """The registration is gone; its lanes are ended."""

    registration: RegistrationId


class Fault(Message, frozen=True, kw_only=True):
    """Every answer that is not 2xx: a slug for programs, a line and a hint for people."""

    error: Annotated[str, Meta(pattern=f"^[a-z][a-z0-9-]{{0,62}}{_END}", max_length=63)]
    message: Annotated[str, Meta(max_length=1000)]
    hint: Annotated[str, Meta(max_length=1000)] = ""


class Caller(Struct, frozen=True, kw_only=True):
    """Who asks: a registration, proven by its agent token, from this IP address.

    `token_hash` is what proved it before the body came. By then the registration may be renewed,
    and this caller the machine that had it before. `crowd` is how many connections are open at that
    moment, this one among them.
    """

    registration: int
    token_hash: str
    source: str
    crowd: int = 1


class Desk(Protocol):
    """What the server needs of the running gateway: one method per call.

    Token hashes are SHA-256 in upper-case hex. Every method may raise `RefusedError` with a slug of
    `errors.Slug`, and then has changed nothing. When a method that changes something answers, the
    change is on the disk and in force: a lane that starts after the answer finds it.
    """

    def note_refusal(self, call: str, slug: str, source: str) -> None:
        """Take a refusal by the server itself to the audit log: a token that is wrong.

        Not called any more for a source that has used up its tries, so that nobody fills a disk.
        """
        ...

    async def authenticate(self, token_hash: str) -> int | None:
        """Answer which registration has this agent token; None when nobody has it.

        For a revoked registration raise `RefusedError` with `Slug.REVOKED`: its agent is to know.
        """
        ...

    async def register(
        self, join_hash: str, token_hash: str, request: RegisterRequest, source: str
    ) -> Registered:
        """Make a registration, or answer with the one that the same tokens and key have made.

        `source` is the IP address that asks, `token_hash` stands for `request.token`.
        """
        ...

    async def set_services(self, caller: Caller, request: ServicesRequest) -> ServicesAnswer:
        """Take over the services as they are configured now."""
        ...

    async def claim(self, caller: Caller, slot: str, request: ClaimRequest) -> ClaimAnswer:
        """End the stale holder of a slot of the caller."""
        ...

    async def heartbeat(self, caller: Caller, request: HeartbeatRequest) -> HeartbeatAnswer:
        """Note how the agent is."""
        ...

    async def probe(self, caller: Caller, request: ProbeRequest) -> ProbeAnswer:
        """Send a nonce down a lane of the caller."""
        ...

    async def propose_key(self, caller: Caller, request: KeyRequest) -> KeyAnswer:
        """Let a second key log in; the first ends when the second has carried a lane.

        The first one itself takes the second back.
        """
        ...

    async def unregister(self, caller: Caller) -> Unregistered:
        """Forget the caller and end its lanes."""
        ...
