"""Loops that must not end: what a defect ends is told and begun again."""

import asyncio
import logging
from collections.abc import Awaitable, Callable

from ground2cloud.logs.fields import log

_log = logging.getLogger(__name__)

AGAIN = 5.0
"""Seconds until a loop that a defect ended is begun again."""


async def for_ever(loop: Callable[[], Awaitable[None]], *, again: float = AGAIN) -> None:
    """Run a loop until cancelled, however often it fails.

    A task that ends by itself tells nobody, and the program lives on deaf.
    """
    while True:
        try:
            await loop()
        except Exception as defect:  # noqa: BLE001 - whatever it is, the others go on
            name = getattr(getattr(loop, "func", loop), "__qualname__", "a loop")
            log(_log, logging.ERROR, "defect", f"defect: {name} ended", exc_info=defect)
        await asyncio.sleep(again)
