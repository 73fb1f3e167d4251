"""One remote forward: a port on the gateway that leads to an application here."""

import re
from dataclasses import dataclass

from ground2cloud.core.addresses import join
from ground2cloud.openssh.quoting import host

_SLUG = re.compile(r"[^\x00-\x1f\x7f]+")
_HIGHEST_PORT = 65535


@dataclass(frozen=True, slots=True)
class Forward:
    """What one service needs of ssh.

    Args:
        name: of the service.
        bind: address on the gateway to listen on; `*` for all of them.
        port: port there.
        host: where the application listens, seen from here.
        target_port: its port.

    Raises:
        ValueError: a host or a port is none.
    """

    name: str
    bind: str
    port: int
    host: str
    target_port: int

    def __post_init__(self) -> None:
        if not _SLUG.fullmatch(self.name):
            raise ValueError(f"{self.name!r} is not a name")
        if self.bind != "*":
            host(self.bind)
        host(self.host)
        for port in (self.port, self.target_port):
            if not 1 <= port <= _HIGHEST_PORT:
                raise ValueError(f"{port} is not a port")

    @property
    def directive(self) -> str:
        """The arguments of RemoteForward in ssh_config."""
        return f"{self._listen} {self._connect}"

    @property
    def spec(self) -> str:
        """The argument of `-R`; cancelling a forward needs exactly the spelling that made it."""
        return f"{self._listen}:{self._connect}"

    @property
    def confirmation(self) -> str:
        """How ssh names it when the server has granted it; IPv6 without brackets there."""
        return f"listen {self.bind}:{self.port}, connect {self.host}:{self.target_port}"

    @property
    def _listen(self) -> str:
        return join(self.bind, self.port)

    @property
    def _connect(self) -> str:
        return join(self.host, self.target_port)
