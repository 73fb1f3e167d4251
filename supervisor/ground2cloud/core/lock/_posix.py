"""The lock on POSIX: flock, which the kernel drops with the last descriptor."""

import fcntl
import sys

assert sys.platform != "win32"


def try_lock(descriptor: int) -> bool:
    """Lock the open file for this process alone; answer whether that was possible."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
