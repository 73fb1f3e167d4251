"""Signals on POSIX: SIGINT and SIGTERM stop, SIGHUP reloads."""

import asyncio
import signal
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from ground2cloud.core.threads import leave_signals

assert sys.platform != "win32"

_STOP = (signal.SIGINT, signal.SIGTERM)
_TURNS = 3  # of the loop, until what came before is heard: seen, queued, called


def listen(stop: Callable[[], None], reload: Callable[[], None]) -> None:
    """Call `stop` or `reload` on the running loop when the signal for it comes."""
    loop = asyncio.get_running_loop()
    loop.set_default_executor(ThreadPoolExecutor(None, "asyncio", leave_signals))
    for number in _STOP:
        loop.add_signal_handler(number, stop)
    loop.add_signal_handler(signal.SIGHUP, reload)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, (*_STOP, signal.SIGHUP))


async def hold() -> None:
    """Act on those that have come, and on no more: the others wait for the next `listen`."""
    signal.pthread_sigmask(signal.SIG_BLOCK, (*_STOP, signal.SIGHUP))
    for _ in range(_TURNS):
        await asyncio.sleep(0)
