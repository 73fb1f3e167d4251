"""The slow clock of the agent: the machine's addresses, its wall clock, the service's watchdog."""

import asyncio
import logging
from collections.abc import Callable

from ground2cloud.core.clock import monotonic, wall
from ground2cloud.core.netwatch import AddressWatch, ClockWatch, addresses
from ground2cloud.logs.fields import log
from ground2cloud.service.notify import Notifier

_log = logging.getLogger(__name__)

INTERVAL = 2.0
"""Seconds between two looks; one costs less than a millisecond (see `netwatch`)."""

MISSED = 15.0
"""Seconds without a tick that mean a sleep, where the monotonic clock runs on in it (Windows)."""


class Ticker:
    """Calls `wake` when the network or the clock changed, and `settle` on every tick."""

    def __init__(
        self, wake: Callable[[], None], settle: Callable[[], None], notifier: Notifier
    ) -> None:
        self._wake = wake
        self._settle = settle
        self._notifier = notifier
        self._clock = ClockWatch(longest=MISSED)
        self._network = AddressWatch()

    async def tick_for_ever(self) -> None:
        """Look every `INTERVAL` seconds, or as often as the watchdog wants it, until cancelled."""
        while True:
            self._tick()
            await asyncio.sleep(self._notifier.due(INTERVAL))

    def _tick(self) -> None:
        # The watchdog is fed from here, so that a loop that hangs is noticed.
        self._notifier.watchdog()
        self._settle()
        jumped = self._clock.tick(monotonic(), wall())
        moved = self._network.tick(addresses())
        if jumped or moved:
            cause = "the clock jumped" if jumped else "the network changed"
            log(_log, logging.INFO, "wake", f"{cause}: looking at every lane now")
            self._wake()
