"""Who may log in, put in force: authorized_keys, as the book says."""

import asyncio
import logging
from collections.abc import Awaitable, Callable

from ground2cloud.logs.fields import log
from ground2cloud.openssh.sshd.child import SshdChild
from ground2cloud.roles.gateway.book import Book
from ground2cloud.roles.gateway.derive import key_grants
from ground2cloud.roles.gateway.lanes import Lanes

_log = logging.getLogger(__name__)


class Keyring:
    """Writes the keys of the book for sshd.

    Args:
        book: the registry.
        sshd: whose keys they are.
        lanes: must know whose a key is before it can log in.
        reload: has sshd read its configuration again.
    """

    def __init__(
        self,
        book: Book,
        sshd: SshdChild,
        lanes: Lanes,
        reload: Callable[[], Awaitable[object]],
    ) -> None:
        self._book = book
        self._sshd = sshd
        self._lanes = lanes
        self._reload = reload
        self._turn = asyncio.Lock()
        self._asked = 0
        self._done = 0

    @property
    def behind(self) -> bool:
        """Whether keys that were to be in force are not, or not yet."""
        return self._done < self._asked

    async def publish(self) -> None:
        """Have the keys of the book in force; those who ask at the same time share the work.

        Raises:
            OSError: the file can't be written; the keys before are still in force.
        """
        self._asked += 1
        mine = self._asked
        async with self._turn:
            if self._done >= mine:
                return
            covered = self._asked
            grants = key_grants(self._book.registrations.values())
            self._lanes.own(grants)
            changed = await asyncio.to_thread(self._sshd.write_keys, grants)
            self._done = covered
        if changed:
            log(_log, logging.INFO, "keys-search", "sshd looks keys up in another way from now on")
            await self._reload()
