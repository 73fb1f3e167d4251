"""A gateway reads what is new, and knows as much as one that reads everything."""

from collections.abc import Callable
from contextlib import closing

import pytest

from ground2cloud.config.model import Kind
from ground2cloud.registry.records import Element, Grant, PortRange, Registration
from ground2cloud.registry.store import Registry
from ground2cloud.registry.tokens import digest
from tests.lab.migrating import make_before_alembic
from tests.lab.registering import NOW, enter, make_invite, make_key


class Reader:
    """Knows what it read in small pieces."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._number = -1
        self.registrations: dict[int, Registration] = {}
        self.elements: dict[int, Element] = {}

    def read(self) -> int:
        """Read what is new; return how many records that were."""
        news = self._registry.since(self._number)
        self._number = news.number
        self.registrations.update((each.id, each) for each in news.registrations)
        self.elements.update((each.id, each) for each in news.elements)
        for identity in news.gone:
            self.registrations.pop(identity, None)
        return len(news.registrations) + len(news.gone) + len(news.elements)


def join(registry: Registry, name: str) -> Registration:
    return enter(registry, make_invite(registry), name)


CHANGES: dict[str, Callable[[Registry, Registration], object]] = {
    "registered": lambda it, _: join(it, "new"),
    "renewed": lambda it, mine: enter(it, make_invite(it, mine.id), "again"),
    "services": lambda it, mine: it.set_services(mine.token_hash, [("db", Kind.MYSQL)], NOW),
    "key proposed": lambda it, mine: it.propose_key(mine.token_hash, make_key("next")),
    "key confirmed": lambda it, mine: (
        it.propose_key(mine.token_hash, make_key("next")),
        it.confirm_key(mine.id, make_key("next")),
    ),
    "unregistered": lambda it, mine: it.unregister(mine.token_hash, NOW),
    "revoked": lambda it, mine: it.revoke(mine.id, NOW),
    "element": lambda it, mine: it.add_element("b", digest("b"), [Grant(mine.id)], NOW),
    "element revoked": lambda it, _: it.revoke_element(1, NOW),
}


@pytest.mark.parametrize("change", CHANGES)
def test_of_many_only_what_changed_is_read_again(registry: Registry, change: str) -> None:
    some = [join(registry, f"agent-{number}") for number in range(5)]
    registry.add_element("a", digest("a"), [Grant(some[0].id)], NOW)
    reader = Reader(registry)
    assert reader.read() == 6
    assert reader.read() == 0
    CHANGES[change](registry, some[2])
    assert reader.read() == 1
    assert reader.registrations == {each.id: each for each in registry.registrations()}
    assert reader.elements == {each.id: each for each in registry.elements()}
    assert reader.read() == 0


def test_whose_port_is_taken_over_is_news_too(url: str) -> None:
    with closing(Registry(url, PortRange(20000, 20001))) as registry:
        first = join(registry, "first")
        registry.revoke(first.id, NOW)
        reader = Reader(registry)
        reader.read()
        join(registry, "second")
        assert reader.read() == 2
        assert reader.registrations == {each.id: each for each in registry.registrations()}
        assert not reader.registrations[first.id].services


def test_a_registry_from_before_is_all_news_once(url: str) -> None:
    make_before_alembic(url)
    with closing(Registry(url, upgrades=True)) as registry:
        reader = Reader(registry)
        assert reader.read() == 3, "one that unregistered among them"
        assert list(reader.registrations) == [1001]
        assert reader.read() == 0
        join(registry, "third")
        assert reader.read() == 1
