"""The registry as the running gateway knows it: in memory, changed only through here.

Commands of the operator write to the same database, and so may other gateways. The registry numbers
its changes, and what is newer than what is known here is read: with 10,000 registrations, reading
all of them for each new one would be most of the work.

A record that did not change stays the same object. So whoever derives something from the book finds
what changed by comparing objects (`changed`), in a millisecond for 10,000.
"""

import asyncio
from collections.abc import Callable, Mapping
from typing import TypeVar

from ground2cloud.registry.records import Element, News, Registration
from ground2cloud.registry.store import Registry

T = TypeVar("T")


class Book:
    """All registrations and elements.

    Attributes:
        registry: the truth, in a database.
        registrations: by number; with the revoked ones, without those that unregistered.
        elements: with the revoked ones; another tuple when one changed.
    """

    def __init__(self, registry: Registry) -> None:
        self.registry = registry
        self.registrations: dict[int, Registration] = {}
        self.elements: tuple[Element, ...] = ()
        self._number = -1
        self._turn = asyncio.Lock()

    async def look(self) -> bool:
        """Read what is new; answer whether anything is.

        Raises:
            RegistryError: the database can't be used now; what was known stays.
        """
        async with self._turn:
            return self._take(await asyncio.to_thread(self.registry.since, self._number))

    async def change(self, change: Callable[[Registry], Registration]) -> Registration:
        """Make one change of one registration, in the database and then here.

        Raises:
            RefusedError: the registry refuses; nothing was changed.
            RegistryError: the database can't be used now.
        """
        async with self._turn:
            changed = await asyncio.to_thread(change, self.registry)
            # Its number is not taken over: another process may have changed something before it.
            self.registrations[changed.id] = changed
            return changed

    async def forget(self, identity: int, now: float) -> None:
        """Unregister.

        Raises:
            RefusedError: the registry refuses.
            RegistryError: the database can't be used now.
        """
        async with self._turn:
            await asyncio.to_thread(self.registry.unregister, identity, now)
            self.registrations.pop(identity, None)

    async def ask(self, question: Callable[[Registry], T]) -> T:
        """Ask the database something that changes nothing the gateway derives from it."""
        return await asyncio.to_thread(question, self.registry)

    def _take(self, news: News) -> bool:
        """Take over what is new; what this process changed itself is none."""
        self._number = news.number
        found = {
            each.id: each for each in news.registrations if self.registrations.get(each.id) != each
        }
        gone = [identity for identity in news.gone if identity in self.registrations]
        self.registrations.update(found)
        for identity in gone:
            del self.registrations[identity]
        if news.elements:
            elements = {each.id: each for each in (*self.elements, *news.elements)}
            self.elements = tuple(sorted(elements.values(), key=lambda element: element.id))
        return bool(found or gone or news.elements)


def changed(before: Mapping[int, Registration], now: Mapping[int, Registration]) -> set[int]:
    """Return the numbers of the registrations that are not the same objects as before."""
    found = {identity for identity, each in now.items() if before.get(identity) is not each}
    return found | (before.keys() - now.keys())
