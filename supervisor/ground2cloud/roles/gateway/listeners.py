"""Which loopback ports are listened on, as the kernel says: no application hears of the look.

Linux only: /proc/net/tcp names the listening sockets before all others, so that the thousands of
connections behind them are not read. Only those of the gateway's own account count, as whom its
sshd runs: any account of the machine may listen on a tunnel port, and no caller is led there.
"""

from collections.abc import Iterable
from pathlib import Path

from ground2cloud.roles.gateway import system

_TABLE = Path("/proc/net/tcp")
_LISTEN = "0A"
_LOOPBACK = "7F"
_PROBES = "80"  # the second octet from which on only probes go there (see `paths`)

Place = tuple[str, int]
"""An address and a port."""


def listening(table: Path = _TABLE) -> frozenset[Place]:
    """Return the loopback places on which this account listens now, but for those of probes.

    Raises:
        OSError: the table can't be read.
    """
    with table.open(encoding="ascii") as lines:
        next(lines, "")  # the titles
        return frozenset(parse(lines, str(system.number())))


def parse(lines: Iterable[str], account: str) -> Iterable[Place]:
    """Yield an account's loopback places, up to the first line that is no listening socket."""
    for line in lines:
        words = line.split(None, 8)
        local, state, owner = words[1], words[3], words[7]
        if state != _LISTEN:
            return
        if owner == account and local[6:8] == _LOOPBACK and local[4:6] < _PROBES:
            # The address stands there as the processor keeps it: its bytes the other way round.
            octets = (int(local[index : index + 2], 16) for index in (6, 4, 2, 0))
            yield ".".join(map(str, octets)), int(local[9:], 16)
