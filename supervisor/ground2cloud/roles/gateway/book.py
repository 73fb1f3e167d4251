"""The registry as the running gateway knows it: in memory, changed only through here.

Commands of the operator write to the same database, and so may other gateways. The registry numbers
its changes, and what is newer than what is known here is read: with 10,000 registrations, reading
all of them for each new one would be most of the work.

A record that did not change stays the same object. So whoever derives something from the book finds
what changed by comparing objects (`changed`), in a millisecond for 10,000.
"""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from ground2cloud.core.threads import leave_signals
from ground2cloud.logs.fields import log
from ground2cloud.registry.errors import RegistryError
from ground2cloud.registry.records import Element, News, Registration
from ground2cloud.registry.store import Registry

T = TypeVar("T")

_log = logging.getLogger(__name__)

AT_ONCE = 4
"""Questions that are with the database at one time; the others wait for their turn."""

PATIENCE = 10.0
"""Seconds after which who asks is told that the database can't be used now. Nobody waits longer at
the other end, and what the watchdog waits for must not take longer either."""


class Book:
    """All registrations and elements.

    The database's threads are its own: while it hangs they are all taken, and what else the gateway
    does in threads (claims, keys, figures) goes on.

    Args:
        registry: the truth, in a database.
        patience: seconds; of a change, only for its turn.

    Attributes:
        registry: as given.
        registrations: by number; with the revoked ones, without those that unregistered.
        elements: with the revoked ones; another tuple when one changed.
    """

    def __init__(self, registry: Registry, *, patience: float = PATIENCE) -> None:
        self.registry = registry
        self.registrations: dict[int, Registration] = {}
        self.elements: tuple[Element, ...] = ()
        self._patience = patience
        self._number = -1
        # Changes wait in the line, and a look waits for the one that is under way at most.
        self._line = asyncio.Lock()
        self._turn = asyncio.Lock()
        self._questions = asyncio.Semaphore(AT_ONCE)
        self._asking = ThreadPoolExecutor(AT_ONCE, "registry-ask", leave_signals)
        # One may be given up, and hang.
        self._changing = ThreadPoolExecutor(2, "registry-change", leave_signals)

    async def look(self) -> bool:
        """Read what is new; answer whether anything is.

        Raises:
            RegistryError: the database can't be used now; what was known stays.
        """
        number = self._number
        limit = None if number < 0 else self._patience  # at a start all there is has to be read
        async with self._impatient(limit), self._turn:
            return self._take(await self._in(self._changing, lambda it: it.since(number)))

    async def change(self, change: Callable[[Registry], Registration]) -> Registration:
        """Make one change of one registration, in the database and then here.

        Raises:
            RefusedError: the registry refuses; nothing was changed.
            RegistryError: the database can't be used now.
        """
        async with self._in_turn():
            changed = await self._in(self._changing, change)
            # Its number is not taken over: another process may have changed something before it.
            self.registrations[changed.id] = changed
            return changed

    async def forget(self, token_hash: str, now: float) -> int:
        """Unregister who has this agent token; answer the number.

        Raises:
            RefusedError: the registry refuses.
            RegistryError: the database can't be used now.
        """
        async with self._in_turn():
            identity = await self._in(self._changing, lambda it: it.unregister(token_hash, now))
            self.registrations.pop(identity, None)
            return identity

    async def ask(self, question: Callable[[Registry], T]) -> T:
        """Ask the database something that changes nothing the gateway derives from it.

        Raises:
            RefusedError: the registry refuses.
            RegistryError: the database can't be used now.
        """
        async with self._impatient(self._patience), self._questions:
            return await self._in(self._asking, question)

    @contextlib.asynccontextmanager
    async def _in_turn(self) -> AsyncIterator[None]:
        """Wait for the turn to change something; who has it may take as long as it takes."""
        async with contextlib.AsyncExitStack() as held:
            async with self._impatient(self._patience):
                await held.enter_async_context(self._line)
                await held.enter_async_context(self._turn)
            yield

    @contextlib.asynccontextmanager
    async def _impatient(self, limit: float | None) -> AsyncIterator[None]:
        try:
            async with asyncio.timeout(limit):
                yield
        except TimeoutError:
            text = f"the registry {self.registry.where} can't be used: no answer within {limit:g} s"
            raise RegistryError(text) from None

    async def _in(self, threads: ThreadPoolExecutor, work: Callable[[Registry], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(threads, work, self.registry)

    def _take(self, news: News) -> bool:
        """Take over what is new; what this process changed itself is none."""
        if news.number < self._number:
            text = "the registry was put back to an older state: what is not in it is over"
            log(_log, logging.WARNING, "registry-put-back", text)
        self._number = news.number
        found = {
            each.id: each for each in news.registrations if self.registrations.get(each.id) != each
        }
        gone, elements = set(news.gone), self.elements
        if news.whole:
            gone |= self.registrations.keys() - {each.id for each in news.registrations}
            elements = news.elements
        elif news.elements:
            by_id = {each.id: each for each in (*self.elements, *news.elements)}
            elements = tuple(sorted(by_id.values(), key=lambda element: element.id))
        gone &= self.registrations.keys()
        self.registrations.update(found)
        for identity in gone:
            del self.registrations[identity]
        others = elements != self.elements
        if others:
            self.elements = elements
        return bool(found or gone or others)


def changed(before: Mapping[int, Registration], now: Mapping[int, Registration]) -> set[int]:
    """Return the numbers of the registrations that are not the same objects as before."""
    found = {identity for identity, each in now.items() if before.get(identity) is not each}
    return found | (before.keys() - now.keys())
