"""What went over the routes in all, of addresses too that HAProxy has forgotten. Pure.

Of elements with limits it counts by the address, and forgets one that has been quiet for an hour.
What it had used by the last look is kept here: all of it, where there is a look more often.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from ground2cloud.haproxy import reading
from ground2cloud.haproxy.reading import Usage


@dataclass(frozen=True, slots=True)
class Tally:
    """What the last look saw.

    Args:
        worker: of whom; another one counts from the beginning.
        limited: by route, element and address, as the router has it.
        past: by route, of those that it has forgotten.
    """

    worker: int | None = None
    limited: Mapping[str, Usage] = field(default_factory=dict)
    past: Mapping[str, Usage] = field(default_factory=dict)


def look(
    before: Tally, worker: int, routes: str, limited: str
) -> tuple[Tally, Mapping[str, Usage]]:
    """Read `show table routes` and `show table limited` of a worker; answer what each route had."""
    now = reading.usages(limited)
    if before.worker != worker:
        before = Tally()
    past = dict(before.past)
    for key, used in before.limited.items():
        if key not in now or now[key].requests < used.requests:
            _add(past, key, replace(used, open=0))
    sums = reading.usages(routes)
    for some in past, now:
        for key, used in some.items():
            _add(sums, key, used)
    return Tally(worker, now, past), sums


def _add(sums: dict[str, Usage], key: str, used: Usage) -> None:
    route = key.partition("@")[0]
    sums[route] = sums[route] + used if route in sums else used
