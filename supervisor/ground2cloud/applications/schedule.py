"""When to check an application next. Pure: time and luck come in as numbers.

Gentle: at most once a minute while all is well. After a failure sooner, so that its end is seen
soon, and back to once a minute when it lasts. At once when someone has a reason to ask (the service
was changed, ssh said that it can't reach it), but no more often than every few seconds, however
often that is said. Fifty services are spread over the minute and stay spread.
"""

from dataclasses import dataclass, replace
from typing import Self

FIRST_WITHIN = 2.0
"""Seconds in which all first checks happen: soon enough for someone who watches the start."""

WELL = 60.0
"""Seconds between two checks of an application that answers, at least."""

AFTER_FAILURE = (5.0, 10.0, 20.0, 60.0)
"""Seconds to the next check after one, two, three and more failures in a row, at least."""

SPREAD = 0.1
"""Part of a wait by which luck may lengthen it; never shortens it."""

LEAST_GAP = 5.0
"""Seconds between a check and one that is asked for."""


@dataclass(frozen=True, slots=True)
class Schedule:
    """The checks of one application, in the seconds of one monotonic clock.

    Attributes:
        due: when to check next.
        failures: how many checks in a row have failed.
        checked: when the last check ended; None before the first.
    """

    due: float
    failures: int = 0
    checked: float | None = None

    @classmethod
    def first(cls, now: float, luck: float) -> Self:
        """Return the schedule of an application that is new; `luck` is uniform in [0, 1)."""
        return cls(due=now + FIRST_WITHIN * luck)

    def after(self, *, ok: bool, now: float, luck: float) -> Self:
        """Return the schedule after a check that ended at `now`; `luck` is uniform in [0, 1)."""
        failures = 0 if ok else self.failures + 1
        wait = WELL if ok else AFTER_FAILURE[min(failures, len(AFTER_FAILURE)) - 1]
        due = now + wait * (1 + SPREAD * luck)
        return replace(self, due=due, failures=failures, checked=now)

    def asked(self, now: float) -> Self:
        """Return the schedule after someone gave a reason to check at once."""
        soonest = now if self.checked is None else max(now, self.checked + LEAST_GAP)
        return replace(self, due=min(self.due, soonest))
