"""Signals on POSIX: SIGINT and SIGTERM stop, SIGHUP reloads."""

import asyncio
import signal
import sys
from collections.abc import Callable

assert sys.platform != "win32"


def listen(stop: Callable[[], None], reload: Callable[[], None]) -> None:
    """Call `stop` or `reload` on the running loop when the signal for it comes."""
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop)
    loop.add_signal_handler(signal.SIGHUP, reload)
