"""What the gateway's sshd is told: frozen values, decided by the role."""

import ipaddress
from dataclasses import dataclass
from pathlib import Path

_HIGHEST_PORT = 65535
_MOST_STARTUPS = 100_000


@dataclass(frozen=True, slots=True)
class Listen:
    """An IP address (`0.0.0.0` or `::` for all) and a port on which sshd takes connections.

    Raises:
        ValueError: one of the two is none, or the address is not in its shortest form, in which
            sshd says that it listens there.
    """

    address: str
    port: int

    def __post_init__(self) -> None:
        if str(ipaddress.ip_address(self.address)) != self.address:
            raise ValueError(f"{self.address}: write {ipaddress.ip_address(self.address)}")
        if not 1 <= self.port <= _HIGHEST_PORT:
            raise ValueError(f"{self.port} is not a port")


@dataclass(frozen=True, slots=True)
class SshdPlaces:
    """Where sshd finds its files; absolute paths.

    Args:
        config_file: the rendered sshd_config itself.
        authorized_keys: who may log in.
        host_key: the private host key; `ca.HostIdentity` makes it.
        host_certificate: the certificate of the host CA for it; None for no certificate.
        home: `HOME` of the held sessions, so that a shell reads nobody's start-up files.
    """

    config_file: Path
    authorized_keys: Path
    host_key: Path
    host_certificate: Path | None
    home: Path


@dataclass(frozen=True, slots=True)
class SshdSettings:
    """How sshd treats those who connect.

    Args:
        listen: at least one.
        user: the one account that lanes log in to; the one that the gateway runs as, unless the
            gateway is root.
        max_startups: connections that have not logged in yet, at one time. With OpenSSH's own
            default of 10:30:100, 200 lanes at once see 155 failed attempts; with 400 none.
        per_source: of these, from one address (IPv6: from one /64).
        login_grace: seconds to log in.
        client_alive_interval: seconds of silence after which sshd asks a client to answer.
        client_alive_count_max: unanswered questions before the client is given up. The port is
            free after interval * (count + 1), twice that before OpenSSH 9.5.
        strict_modes: sshd refuses all keys if others may write to the file or a directory above.
        penalties: turn addresses away that failed to log in (only sshd 9.8 and newer can). Off:
            many agents may stand behind one address, and behind the shared port all do.

    Raises:
        ValueError: a number makes no sense, or there is nothing to listen on.
    """

    listen: tuple[Listen, ...]
    user: str
    max_startups: int = 400
    per_source: int = 100
    login_grace: int = 20
    client_alive_interval: int = 5
    client_alive_count_max: int = 2
    strict_modes: bool = True
    penalties: bool = False

    def __post_init__(self) -> None:
        if not self.listen:
            raise ValueError("sshd needs an address to listen on")
        if not 1 <= self.max_startups <= _MOST_STARTUPS:
            raise ValueError(f"max_startups: {self.max_startups} is not from 1 to {_MOST_STARTUPS}")
        for name in (
            "per_source",
            "login_grace",
            "client_alive_interval",
            "client_alive_count_max",
        ):
            # 0 means "never" to sshd: a dead lane would hold its port for good.
            if getattr(self, name) < 1:
                raise ValueError(f"{name}: must be at least 1")
