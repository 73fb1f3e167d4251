"""The registry as the running gateway knows it: in memory, changed only through here.

Commands of the operator write to the same database, and so may other gateways. The registry counts
its changes; when it counted more than this process made, everything is read again.
"""

import asyncio
from collections.abc import Callable
from typing import TypeVar

from ground2cloud.registry.errors import RefusedError
from ground2cloud.registry.records import Element, Registration
from ground2cloud.registry.store import Registry

T = TypeVar("T")


class Book:
    """All registrations and elements.

    Attributes:
        registry: the truth, in a database.
        registrations: by number; with the revoked ones, without those that unregistered.
        elements: with the revoked ones.
    """

    def __init__(self, registry: Registry) -> None:
        self.registry = registry
        self.registrations: dict[int, Registration] = {}
        self.elements: tuple[Element, ...] = ()
        self._counted = -1
        self._turn = asyncio.Lock()

    async def load(self) -> None:
        """Read everything.

        Raises:
            RegistryError: the database can't be used now; what was known stays.
        """
        async with self._turn:
            await self._load()

    async def look(self) -> bool:
        """Read everything if another process changed something; answer whether one did.

        Raises:
            RegistryError: the database can't be used now.
        """
        async with self._turn:
            if await asyncio.to_thread(self.registry.changes) == self._counted:
                return False
            await self._load()
            return True

    async def change(self, change: Callable[[Registry], Registration]) -> Registration:
        """Make one change of one registration, in the database and then here.

        Raises:
            RefusedError: the registry refuses; nothing was changed.
            RegistryError: the database can't be used now.
        """
        async with self._turn:
            changed = await asyncio.to_thread(change, self.registry)
            self._counted += 1
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
            self._counted += 1
            self.registrations.pop(identity, None)

    async def ask(self, question: Callable[[Registry], T]) -> T:
        """Ask the database something that changes nothing the gateway derives from it."""
        return await asyncio.to_thread(question, self.registry)

    async def read_one(self, identity: int) -> None:
        """Read one registration again, which another process has changed.

        Raises:
            RegistryError: the database can't be used now.
        """
        async with self._turn:
            try:
                found = await asyncio.to_thread(self.registry.registration, identity)
            except RefusedError:
                self.registrations.pop(identity, None)
            else:
                self.registrations[identity] = found

    async def _load(self) -> None:
        def read() -> tuple[int, tuple[Registration, ...], tuple[Element, ...]]:
            # Counted first: what changes during the reading is read once more.
            counted = self.registry.changes()
            return counted, self.registry.registrations(), self.registry.elements()

        self._counted, registrations, self.elements = await asyncio.to_thread(read)
        self.registrations = {each.id: each for each in registrations}
