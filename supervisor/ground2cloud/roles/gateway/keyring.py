"""Who may log in, put in force: authorized_keys, as the book says."""

import asyncio
import itertools
import logging
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from ground2cloud.logs.fields import log
from ground2cloud.openssh.sshd.child import SshdChild
from ground2cloud.registry.records import Registration
from ground2cloud.roles.gateway.book import Book, changed
from ground2cloud.roles.gateway.derive import key_grants
from ground2cloud.roles.gateway.lanes import Lanes

if TYPE_CHECKING:
    from ground2cloud.openssh.sshd.authorized import KeyGrant

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
        self._written = False
        self._seen: dict[int, Registration] = {}
        self._grants: dict[int, tuple[KeyGrant, ...]] = {}

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
            seen = self._take_over()
            if seen is None:
                self._done = covered
                return
            grants = list(itertools.chain.from_iterable(self._grants.values()))
            other_way = await asyncio.to_thread(self._sshd.write_keys, grants)
            self._seen, self._written = seen, True
            self._done = covered
        if other_way:
            log(_log, logging.INFO, "keys-search", "sshd looks keys up in another way from now on")
            await self._reload()

    def _take_over(self) -> dict[int, Registration] | None:
        """Make the grants anew of what changed in the book.

        Answers what they are made of now; None when there is nothing to write.
        """
        registrations = dict(self._book.registrations)
        news = changed(self._seen, registrations)
        if self._written and not news:
            return None
        for identity in news:
            self._grants.pop(identity, None)
            if identity in registrations:
                self._grants[identity] = key_grants(registrations[identity])
                self._lanes.own(self._grants[identity])
        return registrations
