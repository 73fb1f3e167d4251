"""By /proc: which sockets a process has, and which of those the table names as listening."""

import sys
from collections.abc import Collection, Iterable
from pathlib import Path

from ground2cloud.openssh.sshd.process import Process, is_same

assert sys.platform == "linux"

_TABLE = Path("/proc/net/tcp")
_LISTEN = "0A"
_SOCKET = "socket:["

Place = tuple[str, int]


def listening(processes: Iterable[Process]) -> dict[Process, frozenset[Place]]:
    """Return the places on which each of these processes itself listens."""
    sockets = {process: _sockets(process.pid) for process in processes}
    wanted = frozenset[str]().union(*sockets.values())
    if not wanted:
        return dict.fromkeys(sockets, frozenset())
    with _TABLE.open(encoding="ascii") as lines:
        next(lines, "")  # the titles
        places = parse(lines, wanted)
    return {
        # Only now: the sockets are its own if it is still the same.
        process: frozenset(places[each] for each in mine & places.keys())
        if is_same(process)
        else frozenset()
        for process, mine in sockets.items()
    }


def parse(lines: Iterable[str], wanted: Collection[str]) -> dict[str, Place]:
    """Return where those sockets listen that are wanted, by the numbers of their inodes."""
    found = {}
    for line in lines:
        words = line.split(None, 10)
        local, state, inode = words[1], words[3], words[9]
        if state != _LISTEN:
            break
        if inode in wanted:
            # The address stands there as the processor keeps it: its bytes the other way round.
            octets = (int(local[index : index + 2], 16) for index in (6, 4, 2, 0))
            found[inode] = (".".join(map(str, octets)), int(local[9:], 16))
    return found


def _sockets(pid: int) -> frozenset[str]:
    """Return the inodes of a process's sockets, none if it has ended or is not ours to see."""
    found = set()
    try:
        for descriptor in Path(f"/proc/{pid}/fd").iterdir():
            target = _target(descriptor)
            if target.startswith(_SOCKET):
                found.add(target[len(_SOCKET) : -1])
    except (FileNotFoundError, ProcessLookupError, PermissionError):
        return frozenset()
    return frozenset(found)


def _target(descriptor: Path) -> str:
    try:
        return str(descriptor.readlink())
    except (FileNotFoundError, ProcessLookupError):
        return ""  # closed meanwhile
