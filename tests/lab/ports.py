"""Free TCP ports that two tests running at the same time don't both get.

The ports lie below the range from which Linux takes the local ports of outgoing connections
(32768 and up), so nothing takes one by chance. While a port is lent, a UDP socket bound to the same
number reserves it among all processes that use this module: parallel workers, and other runs.
"""

import atexit
import os
import random
import socket
from collections import deque
from collections.abc import Sequence

FIRST, LAST = 20000, 32000
RANGES_FIRST, RANGES_LAST = 10000, 20000
RANGE = 40
"""Ports of one range."""

WIDE_FIRST, WIDE = 61000, 900
"""Above the local ports of outgoing connections there is room for five ranges of this many."""

RESERVED_AT_ONCE = 200
"""Reservations kept by one process: far below its limit of descriptors."""

_reservations: deque[socket.socket] = deque()
_ranges: list[socket.socket] = []
_random = random.Random()  # its own, so that a seed set by a test changes nothing


def free_port() -> int:
    """Return a port that nothing listens on, on any IPv4 address, and that no one else is lent.

    The reservation ends with the process, or after 200 further ports.
    """
    for _ in range(1000):
        port = _random.randrange(FIRST, LAST)
        if _reserve(port):
            return port
    raise AssertionError(f"no free port between {FIRST} and {LAST}")


def free_ports(count: int) -> list[int]:
    """Return `count` different free ports."""
    return [free_port() for _ in range(count)]


def free_range(count: int = RANGE) -> tuple[int, int]:
    """Return the first and last of so many ports like that, lent until the process ends."""
    return _lend(range(RANGES_FIRST, RANGES_LAST - count + 1, RANGE), count)


def free_wide_range() -> tuple[int, int]:
    """Return the same of `WIDE` ports, for registrations of which hardly any opens a lane."""
    return _lend(range(WIDE_FIRST, 2**16 - WIDE + 1, WIDE), WIDE)


def _lend(starts: Sequence[int], count: int) -> tuple[int, int]:
    blocks = range(0, count, RANGE)
    for first in _random.sample(starts, len(starts)):
        reservations = [
            _reservation(first + skip, first + min(skip + RANGE, count) - 1) for skip in blocks
        ]
        lent = [each for each in reservations if each is not None]
        if len(lent) == len(blocks):
            _ranges.extend(lent)
            return first, first + count - 1
        for each in lent:
            each.close()
    raise AssertionError(f"no free range of {count} ports")


def _reserve(port: int) -> bool:
    reservation = _reservation(port, port)
    if reservation is None:
        return False
    _reservations.append(reservation)
    if len(_reservations) > RESERVED_AT_ONCE:
        _reservations.popleft().close()
    return True


def _reservation(first: int, last: int) -> socket.socket | None:
    """Reserve the first port, if nothing listens on it nor on the others up to the last."""
    reservation = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    try:
        reservation.bind(("127.0.0.1", first))
        for port in range(first, last + 1):
            with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as trial:
                trial.bind(("0.0.0.0", port))
    except OSError:
        reservation.close()
        return None
    return reservation


def _forget() -> None:
    while _ranges:
        _ranges.pop().close()
    while _reservations:
        _reservations.popleft().close()


atexit.register(_forget)
if hasattr(os, "register_at_fork"):
    # A forked copy would keep the numbers reserved for as long as it lives.
    os.register_at_fork(after_in_child=_forget)
