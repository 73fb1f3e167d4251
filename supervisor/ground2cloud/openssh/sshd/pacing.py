"""Who may dial when: so that all agents that come back together are soon up, and none is refused.

Pure: the time comes in as an argument (monotonic seconds). sshd logs in only so many a second (a
key exchange costs some 30 ms of a processor) and refuses connections above MaxStartups, at random.
So a first few may dial at once, and every later one is told a moment of its own, at the pace at
which logins are seen to succeed.
"""

from collections import OrderedDict
from dataclasses import dataclass

_ENOUGH = 10  # logins that tell something of the pace


@dataclass(frozen=True, slots=True)
class Pace:
    """The limits of the pacing.

    Args:
        at_once: dials that may be under way at one time; far below sshd's MaxStartups, to which
            dials without a claim (and strangers) count as well.
        per_second: logins that are expected until some were seen.
        slowest, fastest: between them the measured pace is believed, logins a second.
        longest: seconds that nobody is asked to wait longer than; who would have to is told this,
            and asked to claim again.
        patience: seconds after its moment in which a dial must have logged in; then its place is
            given to another.
    """

    at_once: int = 32
    per_second: float = 20.0
    slowest: float = 5.0
    fastest: float = 200.0
    longest: float = 30.0
    patience: float = 15.0


def pace_for(max_startups: int, processors: int) -> Pace:
    """Return limits for an sshd with this MaxStartups on a machine with so many processors."""
    at_once = max(2, min(max_startups // 2, 16 * processors))
    return Pace(at_once=at_once, per_second=10.0 * processors)


@dataclass(frozen=True, slots=True)
class Admission:
    """When to dial.

    Args:
        wait: seconds from now.
        again: ask once more then, instead of dialling: there are too many before you.
    """

    wait: float
    again: bool = False


class Pacing:
    """Gives out moments to dial.

    Args:
        pace: the limits.
    """

    def __init__(self, pace: Pace | None = None) -> None:
        self.pace = pace or Pace()
        self._due: OrderedDict[int, float] = OrderedDict()
        self._next = 0.0
        self._busy_since: float | None = None
        self._logins = 0

    def ask(self, lane: int, now: float, *, load: float = 0.0) -> Admission:
        """Say when a lane may dial.

        A lane that asks again before it has logged in keeps its place.

        Args:
            lane: whoever asks; a number of the caller's choice for a registration's lane.
            now: monotonic seconds.
            load: how busy the machine is with other things, 0 to 1; it slows the pace by up to
                half.
        """
        self._expire(now)
        known = self._due.get(lane)
        if known is not None:
            return Admission(max(0.0, known - now))
        if len(self._due) < self.pace.at_once:
            self._grant(lane, now, now)
            return Admission(0.0)
        interval = 1.0 / self._rate(now, load)
        due = max(self._next, now) + interval
        if due - now > self.pace.longest:
            return Admission(self.pace.longest, again=True)
        self._next = due
        self._grant(lane, due, now)
        return Admission(due - now)

    def arrived(self, lane: int, now: float) -> None:
        """Hear that a lane has logged in; also of those that never asked."""
        self._due.pop(lane, None)
        if self._busy_since is not None:
            self._logins += 1
            if len(self._due) < self.pace.at_once // 2:
                self._busy_since = None
        self._expire(now)

    @property
    def waiting(self) -> int:
        """How many were told a moment and have not logged in yet."""
        return len(self._due)

    def _grant(self, lane: int, due: float, now: float) -> None:
        self._due[lane] = due
        if self._busy_since is None and len(self._due) >= self.pace.at_once:
            self._busy_since, self._logins = now, 0

    def _expire(self, now: float) -> None:
        # In the order in which they asked, nearly that of their moments; being late harms nobody.
        while self._due:
            lane, due = next(iter(self._due.items()))
            if due + self.pace.patience > now:
                break
            del self._due[lane]

    def _rate(self, now: float, load: float) -> float:
        """Return the logins a second that can be expected."""
        pace, rate = self.pace, self.pace.per_second
        # Only while enough are under way do the logins show what sshd can do.
        elapsed = 0.0 if self._busy_since is None else now - self._busy_since
        if self._logins >= _ENOUGH or elapsed >= _ENOUGH / pace.slowest:
            rate = self._logins / elapsed if elapsed > 0 else rate
        rate = min(max(rate, pace.slowest), pace.fastest)
        return rate * (1.0 - 0.5 * min(max(load, 0.0), 1.0))
