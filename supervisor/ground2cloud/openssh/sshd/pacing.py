"""Who may dial when: so that all agents that come back together are soon up, and none is refused.

Pure: the time comes in as an argument (monotonic seconds). sshd logs in only so many a second (a
key exchange costs 30 to 150 ms of a processor), refuses connections above MaxStartups at random,
and ends those that take longer than LoginGraceTime. More dials than the processors can serve bring
nothing, and leave no time for answering claims. So, while agents crowd, only a few dials are under
way at one time, and who finds no place is told when to ask again, by the pace that is seen. Nobody
is given a moment in advance: how fast sshd is shows only while it is at work.
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
        in_crowd: the same while agents crowd.
        crowd: agents crowd when more claims than these wait to be answered, and as long as
            somebody waits for a place.
        per_second: logins that are expected until some were seen.
        slowest, fastest: between them the measured pace is believed, logins a second.
        soonest, longest: seconds after which somebody without a place is asked to come again.
        longest_unseen: the longest while no logins were seen that tell the pace.
        patience: seconds after its claim in which a dial must have logged in, and in which who
            was told to ask again must have done so; then its place is given to another.
    """

    at_once: int = 32
    in_crowd: int = 16
    crowd: int = 8
    per_second: float = 20.0
    slowest: float = 5.0
    fastest: float = 200.0
    soonest: float = 0.25
    longest: float = 10.0
    longest_unseen: float = 4.0
    patience: float = 10.0


def pace_for(max_startups: int, processors: int) -> Pace:
    """Return limits for an sshd with this MaxStartups on a machine with so many processors."""
    at_once = max(2, min(max_startups // 2, 16 * processors))
    return Pace(at_once, min(at_once, 8 * processors), per_second=10.0 * processors)


@dataclass(frozen=True, slots=True)
class Admission:
    """Whether to dial.

    Args:
        wait: seconds from now; 0 means to dial.
        again: ask once more then, instead of dialling: there are others before you.
    """

    wait: float
    again: bool = False


class Pacing:
    """Gives out places to dial.

    Args:
        pace: the limits.
    """

    def __init__(self, pace: Pace | None = None) -> None:
        self.pace = pace or Pace()
        self._under_way: OrderedDict[int, float] = OrderedDict()
        self._queue: OrderedDict[int, _Ticket] = OrderedDict()
        self._number = 0
        self._since = 0.0
        self._logins = 0

    def ask(self, lane: int, now: float, *, load: float = 0.0, crowd: int = 0) -> Admission:
        """Say whether a lane may dial, or when it should ask again.

        A lane that asks again before it has logged in keeps its place, at the door or before it.

        Args:
            lane: whoever asks; a number of the caller's choice for a registration's lane.
            now: monotonic seconds.
            load: how busy the machine is with other things, 0 to 1; it slows the pace that is
                expected by up to half. The pace that was seen has it in it already.
            crowd: how many claims wait to be answered.
        """
        self._expire(now)
        if lane in self._under_way:
            return Admission(0.0)
        crowded = crowd > self.pace.crowd or bool(self._queue)
        places = self.pace.in_crowd if crowded else self.pace.at_once
        if len(self._under_way) < places:
            self._queue.pop(lane, None)
            self._under_way[lane] = now
            return Admission(0.0)
        if not self._queue:  # only while some wait do the logins show what sshd can do
            self._since, self._logins = now, 0
        ticket = self._queue.get(lane)
        if ticket is None:
            self._number += 1
            ticket = self._queue[lane] = _Ticket(self._number, now)
        turn = 1 + ticket.number - next(iter(self._queue.values())).number
        # For half of that time at least the places that are taken keep sshd busy.
        wait = self._time_for(max(turn, places // 2), now, load)
        ticket.due = now + wait
        return Admission(wait, again=True)

    def arrived(self, lane: int, now: float) -> None:
        """Hear that a lane has logged in; also of those that never asked."""
        self._under_way.pop(lane, None)
        self._queue.pop(lane, None)
        self._logins += 1
        self._expire(now)

    @property
    def waiting(self) -> int:
        """How many may dial or were told to ask again, and have not logged in yet."""
        return len(self._under_way) + len(self._queue)

    def _expire(self, now: float) -> None:
        # In the order in which they came, nearly that of their moments; being late harms nobody.
        latest = now - self.pace.patience
        while self._under_way and next(iter(self._under_way.values())) <= latest:
            self._under_way.popitem(last=False)
        while self._queue and next(iter(self._queue.values())).due <= latest:
            self._queue.popitem(last=False)

    def _time_for(self, logins: int, now: float, load: float) -> float:
        """Return the seconds in which so many logins can be expected, between the limits."""
        pace, elapsed = self.pace, now - self._since
        if elapsed > 0 and (self._logins >= _ENOUGH or elapsed >= _ENOUGH / pace.slowest):
            rate = min(max(self._logins / elapsed, pace.slowest), pace.fastest)
            longest = pace.longest
        else:
            rate = pace.per_second * (1.0 - 0.5 * min(max(load, 0.0), 1.0))
            longest = pace.longest_unseen
        return min(max(logins / rate, pace.soonest), longest)


@dataclass(slots=True)
class _Ticket:
    """A place in the queue, and the moment at which its lane is to ask again."""

    number: int
    due: float
