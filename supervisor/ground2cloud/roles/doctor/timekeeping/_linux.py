"""Linux: the kernel knows whether somebody steers its clock (adjtimex(2))."""

import ctypes
import sys

assert sys.platform == "linux"

_SIZE = 512  # struct timex has 208 bytes on 64-bit machines
_TIME_ERROR = 5  # <sys/timex.h>: the clock is not synchronised


def is_synchronised() -> bool | None:
    """Answer whether it is; None where that can't be known."""
    try:
        # All zero: modes 0 asks, and changes nothing.
        state = ctypes.CDLL(None).adjtimex(ctypes.create_string_buffer(_SIZE))
    except (AttributeError, OSError):
        return None
    return None if state < 0 else state != _TIME_ERROR
