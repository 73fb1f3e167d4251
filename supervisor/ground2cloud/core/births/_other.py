"""By the time of creation, as psutil says."""

import sys

import psutil

assert sys.platform != "linux"

_SAME_TIME = 0.05  # seconds; some systems count in ticks of 10 ms


def birth(pid: int) -> str | None:
    """Return when the process was made that has this number; None if it can't be seen."""
    try:
        return repr(psutil.Process(pid).create_time())
    except psutil.Error:
        return None


def lives(pid: int, born: str) -> bool:
    """Whether the process that was made then is there and has not ended."""
    try:
        process = psutil.Process(pid)
        same = abs(process.create_time() - float(born)) < _SAME_TIME
        return same and process.status() != psutil.STATUS_ZOMBIE
    except (psutil.Error, ValueError):
        return False


def boot() -> str:
    """Name the present start of the machine; empty: nothing tells."""
    return ""
