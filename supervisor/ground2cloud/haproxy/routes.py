"""What the router is told: where services are, which keys open them, how it listens.

Everything is checked when it is made, so that nothing here can break out of a map's line, a
configuration's word or a command on the runtime socket.
"""

import ipaddress
import itertools
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from ground2cloud.config.model import Kind
from ground2cloud.config.rules import is_domain
from ground2cloud.core.addresses import join

MOST_SLOTS = 6
"""There is a pool for every set of slots: 63 pools for six."""

MOST_NETWORKS = 32
"""Source networks of one key: they are compared one by one."""

_SERVICE = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}")
_HASH = re.compile(r"[0-9A-F]{64}")
_LOG_TARGET = re.compile(r"[A-Za-z0-9._:/@\[\]-]{1,200}")
_UNQUOTABLE = re.compile(r"['\x00-\x1f\x7f]")
_SOCKET_BYTES = 90  # of a Unix socket's 108: HAProxy binds it under a longer name first


def check_path(path: Path) -> None:
    """Refuse a path that can't stand between single quotes in HAProxy's configuration.

    Raises:
        ValueError: it is not absolute, or has a single quote or a control character in it.
    """
    _check(path.is_absolute(), f"not absolute: {path}")
    _check(not _UNQUOTABLE.search(str(path)), f"HAProxy can't be told this path: {str(path)!r}")


def _check_port(port: int) -> None:
    _check(0 < port < 2**16, f"no port: {port}")


def _check(good: object, words: str) -> None:
    if not good:
        raise ValueError(words)


@dataclass(frozen=True, slots=True)
class Backend:
    """One service of a registration, and how to reach it.

    Args:
        registration: the ID.
        service: its name; the first backend of a registration is what a bare ID leads to.
        kind: HTTP requests are passed to `http` and `tcp` only, CONNECT to every kind.
        port: the tunnel port, the same on every slot.
        slots: the addresses on which a lane is known to listen now; without any, a caller is told
            `tunnel-down` at once. One that doesn't listen costs callers time, not the connection.
    """

    registration: int
    service: str
    kind: Kind
    port: int
    slots: tuple[str, ...]

    def __post_init__(self) -> None:
        _check(self.registration > 0, f"no registration ID: {self.registration}")
        _check(_SERVICE.fullmatch(self.service), f"no name of a service: {self.service!r}")
        _check_port(self.port)
        _check(len(set(self.slots)) == len(self.slots), f"a slot twice: {self.slots}")

    @property
    def route(self) -> str:
        """What it is called on the router and in `Ground2Cloud-Route`: `1001/postgres`."""
        return route(self.registration, self.service)


@dataclass(frozen=True, slots=True)
class Key:
    """One element's key and what it opens.

    Args:
        key_hash: SHA-256 of the key, 64 upper-case hex digits.
        element: the element's ID; its limits count over all of its keys.
        grants: (registration, service), or (registration, None) for all of its services.
        networks: where it may be used, as `10.0.0.0/8`; empty for everywhere.
        rate: requests and CONNECTs a second; None for no limit.
        connections: requests and CONNECTs at the same time; None for no limit.
        expires_at: seconds since 1970; None for never.
    """

    key_hash: str
    element: int
    grants: tuple[tuple[int, str | None], ...]
    networks: tuple[str, ...] = ()
    rate: int | None = None
    connections: int | None = None
    expires_at: float | None = None

    def __post_init__(self) -> None:
        _check(_HASH.fullmatch(self.key_hash), "no SHA-256 in upper-case hex")
        _check(self.element > 0, f"no element's ID: {self.element}")
        _check(len(self.networks) <= MOST_NETWORKS, f"more than {MOST_NETWORKS} networks")
        for network in self.networks:
            ipaddress.ip_network(network)
        for registration, service in self.grants:
            _check(registration > 0, f"no registration ID: {registration}")
            _check(service is None or _SERVICE.fullmatch(service), f"no service: {service!r}")
        for limit in (self.rate, self.connections):
            _check(limit is None or limit > 0, f"no limit: {limit}")


@dataclass(frozen=True, slots=True)
class Endpoint:
    """An address and port; the address is an IP literal, `0.0.0.0` or `::` for all of a kind."""

    address: str
    port: int

    def __post_init__(self) -> None:
        ipaddress.ip_address(self.address)
        _check("%" not in self.address, f"no zone in an address: {self.address}")
        _check_port(self.port)

    def __str__(self) -> str:
        return join(self.address, self.port)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tls:
    """The ports on which bytes are TLS, SSH, or either.

    Args:
        listen: where.
        certificate: PEM file with certificate, chain and private key; None refuses TLS.
        sshd: where connections that speak SSH, or nothing, are handed to; None refuses SSH. For
            that sshd they all come from the gateway's own address.
    """

    listen: tuple[Endpoint, ...]
    certificate: Path | None = None
    sshd: Endpoint | None = None

    def __post_init__(self) -> None:
        _check(self.listen, "nowhere to listen")
        _check(self.certificate or self.sshd, "neither TLS nor SSH to listen for")
        if self.certificate is not None:
            check_path(self.certificate)


@dataclass(frozen=True, slots=True, kw_only=True)
class PlainPorts:
    """Tunnel ports offered as they are, without a key, to these networks alone.

    Args:
        addresses: of this machine, neither a slot nor all of them: sshd listens there.
        networks: who may connect.
    """

    addresses: tuple[str, ...]
    networks: tuple[str, ...]

    def __post_init__(self) -> None:
        _check(self.addresses and self.networks, "plain ports need addresses and networks")
        for address in self.addresses:
            _check(not ipaddress.ip_address(address).is_unspecified, f"not on {address}")
        for network in self.networks:
            ipaddress.ip_network(network)


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeouts:
    """In seconds.

    Args:
        connect: how long a caller waits for a lane that isn't listening; a lane that comes back
            within it goes unnoticed.
        request: for the head of a request, of a CONNECT, or the first bytes of anything.
        client: silence of a caller in the middle of a request.
        application: silence of an application in the middle of a request.
        keep_alive: silence between two requests.
        tunnel: silence, both ways, on CONNECT, WebSocket and plain ports.
        old_worker: how long connections may last that were there before a reload.
    """

    connect: float = 2.0
    request: float = 10.0
    client: float = 60.0
    application: float = 300.0
    keep_alive: float = 60.0
    tunnel: float = 86400.0
    old_worker: float = 86400.0

    def __post_init__(self) -> None:
        for name in self.__slots__:
            value = getattr(self, name)
            _check(0.001 <= value <= 20 * 86400, f"{name}: {value} s is out of range")  # noqa: PLR2004 - HAProxy's clock wraps at 24 days


@dataclass(frozen=True, slots=True, kw_only=True)
class RouterSettings:
    """How the router is set up.

    Args:
        runtime_socket: absolute, at most 90 bytes, in a directory of the program's own.
        listen: where HTTP and CONNECT are taken without TLS.
        tls: the ports for TLS and SSH.
        domain: lower-case; callers say `1001.DOMAIN`. Without one they need a header.
        plain: tunnel ports offered as they are; off by default.
        slots: every address that a backend may name.
        timeouts: how long things may take.
        connections: at the same time; None takes what the limit of open files allows.
        connections_per_source: at the same time from one address (IPv6: one /64), with a key or
            without; up to twice as many are told so.
        threads: None for one per processor.
        access_log: `127.0.0.1:514`, `/dev/log` or what else HAProxy's `log` takes; None for none.
    """

    runtime_socket: Path
    listen: tuple[Endpoint, ...] = (Endpoint("0.0.0.0", 80), Endpoint("::", 80))  # noqa: S104 - the router is for everyone
    tls: tuple[Tls, ...] = ()
    domain: str | None = None
    plain: PlainPorts | None = None
    slots: tuple[str, ...] = ("127.0.0.1", "127.0.0.2", "127.0.0.3", "127.0.0.4")
    timeouts: Timeouts = Timeouts()
    connections: int | None = None
    connections_per_source: int = 1000
    threads: int | None = None
    access_log: str | None = None

    def __post_init__(self) -> None:
        check_path(self.runtime_socket)
        size = len(bytes(self.runtime_socket))
        _check(size <= _SOCKET_BYTES, f"longer than {_SOCKET_BYTES} bytes: {self.runtime_socket}")
        _check(self.domain is None or is_domain(self.domain), f"no domain: {self.domain!r}")
        _check(0 < len(set(self.slots)) == len(self.slots) <= MOST_SLOTS, f"slots: {self.slots}")
        for slot in self.slots:
            ipaddress.ip_address(slot)
        for number in (self.connections, self.connections_per_source, self.threads):
            _check(number is None or number > 0, f"not a number of things: {number}")
        target = self.access_log
        _check(target is None or _LOG_TARGET.fullmatch(target), f"no log target: {target!r}")


def route(registration: int, service: str) -> str:
    """What a service is called in `Ground2Cloud-Route`, in maps and in statistics."""
    return f"{registration}/{service}"


def pool(slots: Sequence[str], known: Sequence[str]) -> str:
    """Name the pool of these slots: `1_3` for the first and the third; empty for none.

    Raises:
        ValueError: one of them is not `known`.
    """
    return "_".join(str(number) for number in sorted(known.index(slot) + 1 for slot in slots))


def pools(known: Sequence[str]) -> Iterator[tuple[str, tuple[tuple[int, str], ...]]]:
    """Yield the name of every pool there can be, with the numbers and addresses in it."""
    numbered = tuple(enumerate(known, start=1))
    for size in range(1, len(known) + 1):
        for members in itertools.combinations(numbered, size):
            yield pool([address for _, address in members], known), members


def master_socket(settings: RouterSettings) -> Path:
    """The master's socket, through which workers from before a reload are reached."""
    return settings.runtime_socket.with_name("master.sock")
