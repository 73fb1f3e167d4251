"""Whose streams through the router are to end: of keys and registrations that are gone or expired.

Nobody of theirs begins a new one, by the router's maps. What is under way when they go is ended
here: also what a reload let in by files that were older than the change, or by the maps of the
workers before it.
"""

import heapq
import math
from collections.abc import Collection, Mapping

from ground2cloud.haproxy import maps
from ground2cloud.haproxy.reading import Call
from ground2cloud.haproxy.runtime import Runtime
from ground2cloud.haproxy.wire import RuntimeSocketError
from ground2cloud.registry.records import Element
from ground2cloud.roles.gateway.wanted import Maps

LONGEST_LOOK = 60.0
"""Seconds between two looks at what has expired: somebody may set the clock."""

_GRACE = 1.0  # seconds in which the router may still let in who has just expired


class Endings:
    """What is to end stays noted until it has ended.

    Args:
        runtime: of the router.
    """

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._elements: set[int] = set()
        self._registrations: set[int] = set()
        self._entries: set[tuple[str, str]] = set()
        self._seen: tuple[Element, ...] = ()
        self._expiring: list[tuple[float, int]] = []
        self._expired: dict[int, float] = {}
        self._now = -math.inf

    def note_gone(self, known: Maps, wanted: Maps, touched: Mapping[str, Collection[str]]) -> None:
        """Compare what the router knows with what it should, where that may differ."""
        for name in touched:
            self._entries.update((name, key) for key in _gone(name, known, wanted, touched))
        for key in _gone(maps.KEYS, known, wanted, touched):
            self._elements.add(maps.element(known[maps.KEYS][key]))
        routes = _gone(maps.ROUTES, known, wanted, touched)
        if routes:
            left = {_registration(route) for route in wanted[maps.ROUTES]}
            self._registrations |= {_registration(route) for route in routes} - left

    def note_expired(self, elements: tuple[Element, ...], now: float) -> None:
        """Note whose time has passed; seconds since 1970, which may be less than before."""
        if elements is not self._seen or now < self._now:
            self._seen = elements
            self._expired = {one: end for one, end in self._expired.items() if end <= now}
            ends = {
                each.id: math.ceil(each.expires_at) + _GRACE
                for each in elements
                if each.expires_at is not None
            }
            self._expiring = [
                (end, one) for one, end in ends.items() if self._expired.get(one) != end
            ]
            heapq.heapify(self._expiring)
        self._now = now
        while self._expiring and self._expiring[0][0] <= now:
            end, element = heapq.heappop(self._expiring)
            self._expired[element] = end
            self._elements.add(element)

    def next_look(self, now: float) -> float:
        """Seconds until something may have expired."""
        if not self._expiring:
            return LONGEST_LOOK
        return min(max(0.0, self._expiring[0][0] - now), LONGEST_LOOK)

    async def enforce(self) -> None:
        """End what is noted, and what is gone in the maps of those whom a reload has left.

        Raises:
            RuntimeSocketError: it has not ended, or not all of it.
        """
        elements, registrations = frozenset(self._elements), frozenset(self._registrations)
        entries = frozenset(self._entries)
        if not elements and not registrations and not entries:
            return

        def doomed(call: Call) -> bool:
            return call.element in elements or call.registration in registrations

        try:
            await self._runtime.end(doomed, entries)
        except RuntimeSocketError as error:
            text = f"connections that should end may go on: {error.message}"
            raise RuntimeSocketError(text) from error
        self._elements -= elements
        self._registrations -= registrations
        self._entries -= entries


def _gone(
    name: str, known: Maps, wanted: Maps, touched: Mapping[str, Collection[str]]
) -> list[str]:
    return [key for key in touched[name] if key in known.get(name, ()) and key not in wanted[name]]


def _registration(route: str) -> int:
    return int(route.partition("/")[0])
