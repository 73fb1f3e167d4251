"""The running gateway and its registry: a database that hangs holds up nothing but who needs it."""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import TypeVar

import pytest

from ground2cloud.registry.errors import RegistryError
from ground2cloud.registry.records import Grant, Registration
from ground2cloud.registry.store import Registry
from ground2cloud.registry.tokens import digest
from ground2cloud.roles.gateway.book import AT_ONCE, Book
from tests.lab.registering import NOW, enter, make_invite, make_key
from tests.lab.registry_rows import Snapshot

T = TypeVar("T")

SOON = 10.0
"""Seconds for what does not hang."""


class Hang:
    """A database that gives no answer before it is told to; who asked it, and who has an answer."""

    def __init__(self) -> None:
        self.begun: list[None] = []  # appending to a list is one step, for threads too
        self.done: list[None] = []
        self._over = threading.Event()

    def end(self) -> None:
        self._over.set()

    def ask(self, registry: Registry) -> int:
        return self._wait(registry.changes)

    def join(self, name: str) -> Callable[[Registry], Registration]:
        return lambda registry: self._wait(lambda: enter(registry, make_invite(registry), name))

    def _wait(self, work: Callable[[], T]) -> T:
        self.begun.append(None)
        assert self._over.wait(30)
        try:
            return work()
        finally:
            self.done.append(None)

    async def until(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(SOON):
            while not condition():
                await asyncio.sleep(0.005)

    async def reached(self, count: int) -> None:
        """Wait until so many wait for it."""
        await self.until(lambda: len(self.begun) >= count)


@asynccontextmanager
async def ended(hang: Hang, *tasks: "asyncio.Task[object]") -> AsyncIterator[None]:
    """Let it answer in the end, whatever comes between."""
    try:
        yield
    finally:
        hang.end()
        await asyncio.gather(*tasks, return_exceptions=True)
        await hang.until(lambda: len(hang.done) == len(hang.begun))  # those who were given up, too


def start(*work: object) -> "list[asyncio.Task[object]]":
    return [asyncio.ensure_future(each) for each in work]  # type: ignore[call-overload, misc] # coroutines


async def test_many_questions_that_hang_take_no_thread_from_anything_else(
    registry: Registry,
) -> None:
    book, hang = Book(registry), Hang()
    tasks = start(*(book.ask(hang.ask) for _ in range(50)))
    async with ended(hang, *tasks), asyncio.timeout(SOON):
        await hang.reached(AT_ONCE)
        assert await asyncio.to_thread(lambda: "a claim looked into") == "a claim looked into"
        assert not await book.look()
        made = await book.change(lambda it: enter(it, make_invite(it), "one"))
        assert book.registrations == {made.id: made}
        assert len(hang.begun) == AT_ONCE
    assert [task.result() for task in tasks] == [1] * len(tasks), "each has its answer in the end"


async def test_who_asks_is_told_in_time(registry: Registry) -> None:
    book, hang = Book(registry, patience=0.2), Hang()
    await book.look()
    async with ended(hang), asyncio.timeout(SOON):
        for _ in range(3 * AT_ONCE):
            with pytest.raises(RegistryError, match=r"can't be used: no answer within 0\.2 s"):
                await book.ask(hang.ask)
        assert not await book.look()
    assert await book.ask(lambda it: it.changes()) == 0


async def test_a_look_waits_for_one_change_at_most_and_not_for_ever(registry: Registry) -> None:
    """What feeds the watchdog looks; ten agents that join while the database hangs end nothing."""
    book, hang = Book(registry, patience=0.2), Hang()
    await book.look()
    first, *others = tasks = start(*(book.change(hang.join(f"agent-{n}")) for n in range(10)))
    async with ended(hang, *tasks), asyncio.timeout(SOON):
        await hang.reached(1)
        for _ in range(3):
            with pytest.raises(RegistryError, match="no answer"):
                await book.look()
        for task in others:
            with pytest.raises(RegistryError, match="no answer"):
                await task
    assert not first.exception(), "it had its turn, and is told what became of it"
    assert not await book.look()
    assert [each.name for each in book.registrations.values()] == ["agent-0"]
    assert tuple(book.registrations.values()) == registry.registrations()


async def test_a_look_goes_before_the_changes_that_wait(registry: Registry) -> None:
    book, hang = Book(registry), Hang()
    await book.look()
    tasks = start(*(book.change(hang.join(f"agent-{n}")) for n in range(5)))
    async with ended(hang, *tasks), asyncio.timeout(SOON):
        await hang.reached(1)
        look = asyncio.create_task(book.look())
        await asyncio.sleep(0)  # it stands where it waits
        hang.end()
        await look
        assert len(book.registrations) < len(tasks)
    assert len(book.registrations) == len(tasks)


async def test_a_registry_that_is_put_back_to_an_older_state_is_what_there_is(
    registry: Registry, caplog: pytest.LogCaptureFixture
) -> None:
    """Its number of changes is lower than before: nothing is newer, and some of it is over."""
    book = Book(registry)
    kept = enter(registry, make_invite(registry), "kept")
    rotated = enter(registry, make_invite(registry), "rotated")
    shop = registry.add_element("shop", digest("shop"), [Grant(kept.id)], NOW)
    snapshot = Snapshot(registry)
    await book.look()
    await book.change(lambda it: enter(it, make_invite(it), "over"))
    await book.change(lambda it: it.propose_key(rotated.token_hash, make_key("next")))
    registry.add_element("over", digest("over"), [Grant(kept.id)], NOW)
    await book.look()
    assert (len(book.registrations), len(book.elements)) == (3, 2)
    snapshot.put_back(registry)
    assert await book.look()
    assert book.registrations == {kept.id: kept, rotated.id: rotated}
    assert book.elements == (shop,)
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert not await book.look()
