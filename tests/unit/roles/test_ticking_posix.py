"""How often the service manager hears that the agent lives."""

import asyncio
import contextlib
import socket
import sys
from pathlib import Path

import pytest

from ground2cloud.roles.ticking import INTERVAL, Ticker
from ground2cloud.service.notify import Notifier

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such socket")


async def test_the_watchdog_is_fed_as_often_as_the_unit_wants_it(short_dir: Path) -> None:
    """A `WatchdogSec` shorter than our own interval ends no agent that lives."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(short_dir / "notify"))
        manager.settimeout(0)
        environ = {"NOTIFY_SOCKET": str(short_dir / "notify"), "WATCHDOG_USEC": "200000"}
        with contextlib.closing(Notifier(environ)) as notifier:
            ticker = Ticker(lambda: None, lambda: None, notifier)
            ticking = asyncio.create_task(ticker.tick_for_ever())
            loop = asyncio.get_running_loop()
            async with asyncio.timeout(10 * INTERVAL):
                for _ in range(11):
                    assert await loop.sock_recv(manager, 100) == b"WATCHDOG=1"
            ticking.cancel()
            await asyncio.gather(ticking, return_exceptions=True)
