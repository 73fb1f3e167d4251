"""Events of a console on Windows: Ctrl-C (NSSM's stop), Ctrl-Break and the end of all stop.

Not left to the C runtime, which makes SIGBREAK of every event but Ctrl-C: a service also hears of
each user that logs off, and that is nothing to it.
"""

import asyncio
import contextlib
import ctypes
import signal
import sys
import threading
from collections.abc import Callable
from ctypes import wintypes
from types import FrameType

assert sys.platform == "win32"

_CTRL_LOGOFF_EVENT = 5
_NOTHING_AFTER = (2, 6)
"""CTRL_CLOSE_EVENT and CTRL_SHUTDOWN_EVENT: Windows ends the process when a handler returns."""

_TIME_TO_STOP = 20.0
"""Seconds; more than Windows gives at either."""

_Handler = ctypes.WINFUNCTYPE(wintypes.BOOL, wintypes.DWORD)
_kernel32 = ctypes.WinDLL("kernel32", use_last_error=True)
_kernel32.SetConsoleCtrlHandler.argtypes = (_Handler, wintypes.BOOL)
_handlers: list[object] = []  # Windows has them for good


async def hold() -> None:
    """Do nothing: no program takes over the process of another."""


def listen(stop: Callable[[], None], reload: Callable[[], None]) -> None:
    """Call `stop` on the running loop when Ctrl-C or Ctrl-Break comes; `reload` has no signal."""
    del reload
    loop = asyncio.get_running_loop()

    def post() -> None:
        with contextlib.suppress(RuntimeError):  # the loop is closed: it has stopped
            loop.call_soon_threadsafe(stop)  # a plain call would not wake the Proactor loop

    def on_event(event: int) -> bool:
        """Say that nobody else is needed for it; called by Windows, on a thread of its own."""
        if event != _CTRL_LOGOFF_EVENT:
            post()
        if event in _NOTHING_AFTER:
            threading.Event().wait(_TIME_TO_STOP)
        return True

    def on_signal(number: int, frame: FrameType | None) -> None:
        del number, frame
        post()

    for number in (signal.SIGINT, signal.SIGBREAK, signal.SIGTERM):  # raised in this process
        signal.signal(number, on_signal)
    handler = _Handler(on_event)
    _handlers.append(handler)
    if not _kernel32.SetConsoleCtrlHandler(handler, True):  # noqa: FBT003 - it takes no names
        raise ctypes.WinError(ctypes.get_last_error())
