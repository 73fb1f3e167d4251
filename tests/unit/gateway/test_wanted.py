"""What the router should say is the same, whether it was made at once or change by change."""

import random
from collections.abc import Mapping
from dataclasses import replace

from ground2cloud.config.model import Kind
from ground2cloud.haproxy import maps
from ground2cloud.registry.records import SLOTS, Element, Grant, Registration, ServicePort
from ground2cloud.roles.gateway import derive
from ground2cloud.roles.gateway.wanted import Wanted
from tests.lab.registering import make_key

PORTS = range(20000, 20012)


class Source:
    """A book and its lanes, as much of both as is asked for."""

    def __init__(self) -> None:
        self.registrations: dict[int, Registration] = {}
        self.elements: tuple[Element, ...] = ()
        self.up: frozenset[tuple[str, int]] = frozenset()

    def all(self) -> Mapping[str, maps.Entries]:
        backends = [
            backend
            for each in self.registrations.values()
            for backend in derive.backends(each, self.up)
        ]
        return maps.entries(SLOTS, backends, derive.keys(self.elements))


class Change:
    """Makes one change after the other."""

    def __init__(self, source: Source, chance: random.Random) -> None:
        self.source = source
        self.chance = chance
        self.free = list(PORTS)

    def any(self) -> None:
        self.chance.choice([self.put, self.put, self.drop, self.revoke, self.lanes, self.call])()

    def put(self) -> None:
        identity = self.chance.randint(1001, 1006)
        self._release(identity)
        names = self.chance.sample(["web", "db", "shop"], k=min(len(self.free), 2))
        services = tuple(ServicePort(name, Kind.HTTP, self._port()) for name in names)
        self.source.registrations[identity] = Registration(
            identity, "x", make_key(identity), None, SLOTS, services, 1.0, ""
        )

    def drop(self) -> None:
        if self.source.registrations:
            identity = self.chance.choice(list(self.source.registrations))
            self._release(identity)
            del self.source.registrations[identity]

    def revoke(self) -> None:
        if self.source.registrations:
            identity = self.chance.choice(list(self.source.registrations))
            self._release(identity)
            before = self.source.registrations[identity]
            self.source.registrations[identity] = replace(before, revoked_at=2.0)

    def lanes(self) -> None:
        places = [(slot, port) for slot in SLOTS for port in PORTS]
        self.source.up = frozenset(self.chance.sample(places, k=20))

    def call(self) -> None:
        count = self.chance.randint(0, 2)
        self.source.elements = tuple(
            Element(each, f"e{each}", f"{each:064X}", (Grant(1001), Grant(1002, "web")), 1.0)
            for each in range(1, count + 1)
        )

    def _port(self) -> int:
        return self.free.pop(self.chance.randrange(len(self.free)))

    def _release(self, identity: int) -> None:
        before = self.source.registrations.get(identity)
        if before is not None and before.revoked_at is None:
            self.free += [service.port for service in before.services]


def test_small_changes_add_up_to_the_whole_and_each_is_told() -> None:
    source, chance = Source(), random.Random(4)
    change = Change(source, chance)
    wanted = Wanted(SLOTS, source, source)
    router: dict[str, maps.Entries] = {name: {} for name in maps.MAPS}
    for _ in range(1000):
        for _ in range(chance.randint(1, 3)):
            change.any()
        wanted.update()
        assert wanted.maps == source.all()
        for name, keys in wanted.take_touched().items():
            for key in keys:
                router[name].pop(key, None)
                if key in wanted.maps[name]:
                    router[name][key] = wanted.maps[name][key]
        assert router == source.all()


def test_what_was_not_told_is_told_again() -> None:
    source = Source()
    Change(source, random.Random(1)).put()
    wanted = Wanted(SLOTS, source, source)
    wanted.update()
    touched = wanted.take_touched()
    assert not any(wanted.take_touched().values())
    wanted.touch(touched)
    assert wanted.take_touched() == touched


def test_a_port_that_two_have_for_a_moment_is_the_new_ones() -> None:
    """As when it was allotted anew before anybody has read that the former one is gone."""
    source = Source()
    services = (ServicePort("web", Kind.HTTP, PORTS[0]),)
    former = Registration(1001, "x", make_key(1), None, SLOTS, services, 1.0, "")
    source.registrations[1001] = former
    wanted = Wanted(SLOTS, source, source)
    wanted.update()
    source.registrations[1002] = replace(former, id=1002, key=make_key(2))
    wanted.update()
    source.registrations[1001] = replace(former, revoked_at=2.0)
    wanted.update()
    assert wanted.maps == source.all()
    source.up = frozenset({(SLOTS[0], PORTS[0])})
    wanted.update()
    assert wanted.maps == source.all()
