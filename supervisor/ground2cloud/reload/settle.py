"""When a change to a file has settled: pure, time comes in as an argument.

One save is many events: truncated, written, written, closed; or moved away, created, written,
closed. A file is looked at once it was left alone for `debounce` seconds. While someone still has
it open for writing the end is not a guess: the operating system will say "closed", so that is
waited for, however slowly the writer writes.
"""

from dataclasses import dataclass
from enum import Enum, auto


class Touch(Enum):
    """What one event says of the file."""

    WRITTEN = auto()
    """Its content changed, and a COMPLETE follows when the writer closes it."""
    COMPLETE = auto()
    """It is as it was meant to be: closed, moved into place, created as a whole, or gone."""
    NOTICED = auto()
    """Something about it changed, which doesn't tell whether anyone still writes to it."""


@dataclass(frozen=True, slots=True)
class Rules:
    """How long to wait, in seconds.

    `debounce` is the quiet after the last event; `close_wait` the quiet after which a writer that
    closes nothing is not waited for any more; `longest` bounds the whole, so that a file that never
    rests is looked at all the same.
    """

    debounce: float = 0.3
    close_wait: float = 5.0
    longest: float = 30.0


@dataclass(frozen=True, slots=True)
class Unsettled:
    """A file between the first event of a change and the look at it. Times are monotonic."""

    first: float
    last: float
    writing: bool

    def due(self, rules: Rules) -> float:
        """The moment to look at the file, if nothing more happens to it."""
        quiet = rules.close_wait if self.writing else rules.debounce
        return min(self.last + quiet, self.first + rules.longest)


def touched(before: Unsettled | None, touch: Touch, now: float) -> Unsettled:
    """The state after an event at `now`; `before` is None when the file was settled."""
    if before is None:
        return Unsettled(now, now, writing=touch is Touch.WRITTEN)
    writing = before.writing if touch is Touch.NOTICED else touch is Touch.WRITTEN
    return Unsettled(before.first, now, writing=writing)
