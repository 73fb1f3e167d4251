"""Free ports of this machine, lent for as long as the demo runs."""

import contextlib
import random
import socket

from ground2cloud.roles.demo.error import DemoError

_FIRST, _LAST = 10_000, 20_000
"""Below those that systems take for outgoing connections, so nothing takes one by chance."""

_HOST = "127.0.0.1"


class Ports(contextlib.ExitStack):
    """Lends ports until it is closed; two demos at the same time don't get the same ones.

    While a port is lent, a UDP socket of the same number says so.
    """

    def take(self, count: int = 1) -> int:
        """Lend `count` ports in a row on which nothing listens; return the first.

        Raises:
            DemoError: there are none.
        """
        for first in random.sample(range(_FIRST, _LAST - count), 500):
            with contextlib.ExitStack() as attempt:
                if all(_reserve(port, attempt) for port in range(first, first + count)):
                    self.push(attempt.pop_all())
                    return first
        raise DemoError(f"no free ports between {_FIRST} and {_LAST}")


def _reserve(port: int, holder: contextlib.ExitStack) -> bool:
    reservation = holder.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
    try:
        reservation.bind((_HOST, port))
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as trial:
            trial.bind(("", port))
    except OSError:
        return False
    return True
