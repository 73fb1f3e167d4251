"""Who is gone has nothing under way any more, however often the router has to be asked."""

from collections.abc import Callable, Collection
from dataclasses import replace

import pytest

from ground2cloud.haproxy import maps
from ground2cloud.haproxy.reading import Call
from ground2cloud.haproxy.wire import RuntimeSocketError
from ground2cloud.registry.records import Element, Grant
from ground2cloud.roles.gateway.endings import LONGEST_LOOK, Endings

CALLS = [Call("::1", 5, element, route) for element in (7, 8) for route in ("1001/a", "1002/a")]
HASHES = {element: f"{element:064X}" for element in (7, 8)}
NOW = 1_000_000.5


class Router:
    """Takes the place of the runtime socket: says which calls it would end."""

    def __init__(self) -> None:
        self.asked: list[list[Call]] = []
        self.gone: list[set[tuple[str, str]]] = []
        self.away = False

    async def end(
        self, doomed: Callable[[Call], bool], gone: Collection[tuple[str, str]] = ()
    ) -> int:
        self.gone.append({*gone})
        self.asked.append([call for call in CALLS if doomed(call)])
        if self.away:
            raise RuntimeSocketError("away")
        return len(self.asked[-1])


def known(*elements: int, routes: tuple[str, ...] = ()) -> dict[str, maps.Entries]:
    return {
        maps.KEYS: {HASHES[element]: str(element) for element in elements},
        maps.ROUTES: dict.fromkeys(routes, "11081|http|1"),
    }


def endings(router: Router) -> Endings:
    return Endings(router)  # type: ignore[arg-type] # as much of it as is asked for


def all_of(*each: dict[str, maps.Entries]) -> dict[str, set[str]]:
    return {name: {key for one in each for key in one[name]} for name in (maps.KEYS, maps.ROUTES)}


async def test_a_key_that_is_gone_ends_what_is_under_way_with_it() -> None:
    router, before, now = Router(), known(7, 8), known(8)
    ending = endings(router)
    ending.note_gone(before, now, all_of(before, now))
    await ending.enforce()
    await ending.enforce()
    assert router.asked == [[call for call in CALLS if call.element == 7]]


async def test_a_registration_is_gone_with_its_last_service() -> None:
    router = Router()
    before = known(7, routes=("1001/a", "1002/a", "1002/b"))
    now = known(7, routes=("1002/b",))
    ending = endings(router)
    ending.note_gone(before, now, all_of(before, now))
    await ending.enforce()
    assert router.asked == [[call for call in CALLS if call.registration == 1001]]


async def test_what_is_gone_from_the_maps_is_told_until_all_have_heard_it() -> None:
    """A service that is gone ends nothing of its registration."""
    router = Router()
    before, now = known(7, 8, routes=("1001/a", "1001/b")), known(8, routes=("1001/a",))
    ending = endings(router)
    ending.note_gone(before, now, all_of(before, now))
    router.away = True
    with pytest.raises(RuntimeSocketError):
        await ending.enforce()
    router.away = False
    await ending.enforce()
    await ending.enforce()
    assert router.gone == 2 * [{(maps.KEYS, HASHES[7]), (maps.ROUTES, "1001/b")}]


async def test_what_did_not_end_stays_noted() -> None:
    router, before, now = Router(), known(7, 8), known(8)
    ending = endings(router)
    ending.note_gone(before, now, all_of(before, now))
    router.away = True
    with pytest.raises(RuntimeSocketError, match="should end may go on: away"):
        await ending.enforce()
    router.away = False
    await ending.enforce()
    await ending.enforce()
    assert len(router.asked) == 2


async def test_an_element_ends_with_its_time_and_once() -> None:
    one = Element(7, "x", HASHES[7], (Grant(1001),), 1.0, expires_at=NOW + 10)
    elements = (one, replace(one, id=8, key_hash=HASHES[8], expires_at=None))
    router = Router()
    ending = endings(router)
    ending.note_expired(elements, NOW)
    assert 10 < ending.next_look(NOW) < 12, "the router may let it in for a moment more"
    await ending.enforce()
    assert not router.asked
    ending.note_expired(elements, NOW + 12)
    await ending.enforce()
    assert router.asked == [[call for call in CALLS if call.element == 7]]
    ending.note_expired((*elements,), NOW + 13)
    ending.note_expired((), NOW + 13)
    ending.note_expired(elements, NOW + 13)
    await ending.enforce()
    assert len(router.asked) == 1
    assert ending.next_look(NOW + 13) == LONGEST_LOOK


async def test_a_clock_that_went_astray_does_not_keep_an_element_for_ever() -> None:
    one = Element(7, "x", HASHES[7], (Grant(1001),), 1.0, expires_at=NOW + 1000)
    router, elements = Router(), (one,)
    ending = endings(router)
    for now, times in ((NOW, 0), (NOW + 9000, 1), (NOW, 1), (NOW + 9000, 2), (NOW + 9001, 2)):
        ending.note_expired(elements, now)
        await ending.enforce()
        assert len(router.asked) == times, now


async def test_a_number_that_is_given_again_has_an_end_of_its_own() -> None:
    one = Element(7, "x", HASHES[7], (Grant(1001),), 1.0, expires_at=NOW)
    router = Router()
    ending = endings(router)
    for element, now in ((one, NOW + 5), (replace(one, expires_at=NOW + 10), NOW + 15)):
        ending.note_expired((element,), now)
        await ending.enforce()
    assert len(router.asked) == 2
