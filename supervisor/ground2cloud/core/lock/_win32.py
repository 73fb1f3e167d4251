"""The lock on Windows: a byte far behind the pid, so that the pid stays readable to others."""

import msvcrt
import os
import sys

assert sys.platform == "win32"

_FAR = 1 << 20


def try_lock(descriptor: int) -> bool:
    """Lock the open file for this process alone; answer whether that was possible."""
    os.lseek(descriptor, _FAR, os.SEEK_SET)
    try:
        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
    except OSError:
        return False
    finally:
        os.lseek(descriptor, 0, os.SEEK_SET)
    return True
