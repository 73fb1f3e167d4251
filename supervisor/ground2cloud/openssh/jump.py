"""The hosts on the way to the gateway: `ssh.jump` as the blocks of ssh_config that it takes.

ssh's own ProxyJump is not used: it puts the name of the configuration file unquoted into a shell
command, so that a space in the path breaks it (ssh.c, up to 10.5). Each hop gets a block of its
own, and a ProxyCommand that goes through the hop before it.
"""

import re
from dataclasses import dataclass
from pathlib import PurePath

from ground2cloud.openssh import quoting, system

_HOP = re.compile(
    r"(?:(?P<user>[^@]*)@)?(?:\[(?P<bracketed>[^\]]*)\]|(?P<host>[^:\[\]]*))(?::(?P<port>\d{1,5}))?"
)
_HIGHEST_PORT = 65535


@dataclass(frozen=True, slots=True)
class Hop:
    """One host on the way. `user` is None where the gateway's is to be used."""

    host: str
    port: int = 22
    user: str | None = None


def parse(text: str) -> tuple[Hop, ...]:
    """Read `user@host:port`, or several with commas between them, the nearest first.

    Raises:
        ValueError: it is not of that form.
    """
    return tuple(_parse_hop(word) for word in text.split(","))


def _parse_hop(word: str) -> Hop:
    match = _HOP.fullmatch(word)
    if match is None:
        raise ValueError(f"{word!r} is not of the form user@host:port")
    port = int(match["port"] or 22)
    if not 1 <= port <= _HIGHEST_PORT:
        raise ValueError(f"{word!r}: {port} is not a port")
    name = match["host"] if match["bracketed"] is None else match["bracketed"]
    user = None if match["user"] is None else quoting.user(match["user"])
    return Hop(quoting.host(name), port, user)


def alias(index: int) -> str:
    """Return the name under which ssh_config knows the hop, counted from 0."""
    return f"jump-{index + 1}"


def proxy_command(ssh: str, config_file: PurePath, hop: int) -> str:
    """Return the value of ProxyCommand that goes through that hop.

    Raises:
        ValueError: a path can't be written.
    """
    words = (ssh, "-F", quoting.plain(config_file.as_posix()))
    command = " ".join(system.shell_word(quoting.tokens(word)) for word in words)
    return f"{command} -T -W {system.shell_word('[%h]:%p')} {alias(hop)}"
