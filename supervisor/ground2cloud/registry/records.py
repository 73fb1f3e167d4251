"""What the registry keeps, as frozen records. Times are float seconds since the epoch.

Secrets are never in here: of tokens and element keys there is only the SHA-256 (see `tokens`).
"""

from dataclasses import dataclass

from ground2cloud.config.model import Kind

FIRST_PORT = 11081
LAST_PORT = 65535

SLOTS = ("127.0.0.1", "127.0.0.2", "127.0.0.3", "127.0.0.4")
"""The addresses on the gateway on which a registration's lanes may bind its ports."""


@dataclass(frozen=True, slots=True)
class PortRange:
    """Which tunnel ports there are: `first` to `last`, without those `taken` by something else."""

    first: int = FIRST_PORT
    last: int = LAST_PORT
    taken: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True)
class ServicePort:
    """A service of a registration and its tunnel port, the same on every slot."""

    name: str
    kind: Kind
    port: int


@dataclass(frozen=True, slots=True)
class Registration:
    """One agent's identity on the gateway.

    Attributes:
        id: from 1001 on, each the next; none is given twice.
        name: for people; not unique.
        key: its public SSH key, `ssh-ed25519 AAAA…`.
        next_key: the key it is changing to; valid beside `key` until it is confirmed.
        slots: the addresses its lanes may bind.
        services: in the agent's own order; a bare ID in a route means the first.
        created_at: when it was registered first.
        token_hash: SHA-256 of its agent's token, upper-case hex.
        seen_at: when its agent was last heard of; None if never.
        version, address, last_error: what was last heard then; escaped and bounded.
        revoked_at: since when it is refused for good; None if it isn't.
        allowed: the names its services must have, as its invite said; empty: any.
    """

    id: int
    name: str
    key: str
    next_key: str | None
    slots: tuple[str, ...]
    services: tuple[ServicePort, ...]
    created_at: float
    token_hash: str
    seen_at: float | None = None
    version: str | None = None
    address: str | None = None
    last_error: str | None = None
    revoked_at: float | None = None
    allowed: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Invite:
    """A permission to register once.

    Attributes:
        name: the registration's name; None leaves it to the agent.
        services: the only names its services may have; empty: any.
        expires_at: from when on it is refused.
        renews: the ID of the registration that is to get a new key and token instead of a new
            registration; it keeps its ID, its ports and what elements may reach of it.
    """

    name: str | None
    services: tuple[str, ...]
    expires_at: float
    renews: int | None = None


@dataclass(frozen=True, slots=True)
class Sighting:
    """What was just heard of an agent; None leaves what was heard before."""

    registration: int
    at: float
    version: str | None = None
    address: str | None = None
    error: str | None = None


@dataclass(frozen=True, slots=True)
class Grant:
    """What an element may reach: one service of a registration, or all of them (None)."""

    registration: int
    service: str | None = None


@dataclass(frozen=True, slots=True)
class News:
    """What changed after a change of some number.

    Attributes:
        number: of the last change that is in here; 0 when there never was one.
        registrations: those that changed, as they are now, by ID.
        gone: the IDs of those that unregistered.
        elements: those that changed, as they are now, by ID.
        whole: whether this is all there is: what is not in here is no more.
    """

    number: int
    registrations: tuple["Registration", ...]
    gone: tuple[int, ...]
    elements: tuple["Element", ...]
    whole: bool = False


@dataclass(frozen=True, slots=True)
class Element:
    """A caller on the cloud side.

    Attributes:
        id: from 1.
        name: unique among the elements that are not revoked.
        key_hash: SHA-256 of its key, upper-case hex.
        grants: what it may reach.
        expires_at: from when on its key is refused; None: never.
        networks: source networks it may call from (`10.0.0.0/8`); empty: any.
        connections: most connections at once; None: no limit of its own.
        rate: most requests a second; None: no limit of its own.
        revoked_at: since when its key is refused; None if it isn't.
    """

    id: int
    name: str
    key_hash: str
    grants: tuple[Grant, ...]
    created_at: float
    expires_at: float | None = None
    networks: tuple[str, ...] = ()
    connections: int | None = None
    rate: int | None = None
    revoked_at: float | None = None
