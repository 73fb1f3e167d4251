"""Signals on Windows: Ctrl-C (NSSM's stop) and Ctrl-Break stop; there is none to reload."""

import asyncio
import signal
import sys
from collections.abc import Callable
from types import FrameType

assert sys.platform == "win32"


def listen(stop: Callable[[], None], reload: Callable[[], None]) -> None:
    """Call `stop` on the running loop when Ctrl-C or Ctrl-Break comes; `reload` has no signal."""
    del reload
    loop = asyncio.get_running_loop()

    def handler(number: int, frame: FrameType | None) -> None:
        del number, frame
        loop.call_soon_threadsafe(stop)  # a plain call would not wake the Proactor loop

    for number in (signal.SIGINT, signal.SIGBREAK, signal.SIGTERM):
        signal.signal(number, handler)
