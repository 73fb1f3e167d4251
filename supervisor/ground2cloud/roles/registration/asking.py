"""Ask the backchannel without waiting for it: the client blocks, so each question has a thread.

A daemon's thread: a gateway that hangs must not keep this program from ending.
"""

import asyncio
import contextlib
import threading
from collections.abc import Callable
from functools import partial
from typing import TypeVar

from ground2cloud.backchannel.client import Client
from ground2cloud.backchannel.errors import SilentError, UnreachableError
from ground2cloud.config.identity import Identity

T = TypeVar("T")

GRACE = 1.0
"""Seconds beyond the client's own limit after which its thread is left alone."""


def client_of(identity: Identity, *, within: float) -> Client:
    """Make the client of a registration; each of its calls takes at most `within` seconds."""
    line = identity.backchannel
    return Client(
        line.host,
        line.port,
        pin=line.pin,
        authority=line.authority,
        token=identity.token,
        timeout=within,
    )


async def ask(question: Callable[[], T], *, within: float, whom: str = "the gateway") -> T:
    """Run a blocking call; answer what it answers. `whom` it asks is for messages.

    Raises:
        SilentError: no answer `within` these seconds and `GRACE`.
        UnreachableError: no thread to ask in.
        Ground2CloudError: whatever the call raises.
    """
    loop = asyncio.get_running_loop()
    answer: asyncio.Future[T] = loop.create_future()

    def work() -> None:
        try:
            value = question()
        except Exception as error:  # noqa: BLE001 - handed to who asked
            _post(loop, answer, partial(answer.set_exception, error))
        else:
            _post(loop, answer, lambda: answer.set_result(value))

    try:
        threading.Thread(target=work, name="backchannel", daemon=True).start()
    except RuntimeError as error:  # the machine has no more
        raise UnreachableError(f"{whom} can't be asked: {error}") from None
    try:
        async with asyncio.timeout(within + GRACE):
            return await answer
    except TimeoutError:
        raise SilentError(f"{whom} gives no answer within {within:g} s") from None


def _post(
    loop: asyncio.AbstractEventLoop, answer: "asyncio.Future[T]", tell: Callable[[], object]
) -> None:
    with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits any more
        loop.call_soon_threadsafe(lambda: None if answer.done() else tell())
