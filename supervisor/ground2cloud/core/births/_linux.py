"""By the clock ticks from the machine's start to the process's, and the name of that start.

psutil computes a time of creation from both and the present time: after a step of the clock it is
another one.
"""

import functools
import sys
from pathlib import Path

assert sys.platform == "linux"

_BOOT = Path("/proc/sys/kernel/random/boot_id")
_ENDED = (b"Z", b"X")
_STARTED = 19  # field 22 of proc_pid_stat(5), counted from the state behind the name


def birth(pid: int) -> str | None:
    """Return when the process was made that has this number; None if there is none.

    Raises:
        OSError: it can't be looked at now.
    """
    fields = _fields(pid)
    return _born(fields) if fields else None


def lives(pid: int, born: str) -> bool:
    """Whether the process that was made then is there and has not ended.

    Raises:
        OSError: it can't be looked at now.
    """
    fields = _fields(pid)
    return bool(fields) and fields[0] not in _ENDED and _born(fields) == born


@functools.cache
def boot() -> str:
    """Name the present start of the machine; empty where nothing tells, as in some sandboxes."""
    try:
        return _BOOT.read_text("ascii").strip()
    except FileNotFoundError:
        return ""


def _fields(pid: int) -> list[bytes]:
    try:
        text = Path(f"/proc/{pid}/stat").read_bytes()
    except (FileNotFoundError, ProcessLookupError):
        return []
    return text.rpartition(b")")[2].split()  # whatever the name is, nothing behind it has a bracket


def _born(fields: list[bytes]) -> str:
    return f"{boot()}/{int(fields[_STARTED])}"
