"""How often one may ask: token buckets by source, in bounded memory. Time is an argument."""

from collections import OrderedDict
from dataclasses import dataclass
from ipaddress import IPv6Address, ip_address

_SOURCES = 10_000  # of 300 bytes; an attacker with more addresses has other means as well


@dataclass(frozen=True, slots=True)
class Rate:
    """So many at once, and so many a second in the long run."""

    burst: float
    per_second: float


@dataclass(frozen=True, slots=True)
class Limits:
    """What the server allows.

    Args:
        joins: attempts to register, by source address. Many agents may share one (NAT).
        failures: wrong tokens, by source address; what has the right one is not slowed by it.
        calls: calls with the right token, by registration.
        connections: open at the same time; the oldest one that has not shown a right token gives
            way to a new one.
        held: of them, those of one registration with the right token. An agent has a claim for
            each of its lanes, a heartbeat and a command's call.
        body_timeout: seconds for a request's body to arrive.
        connection_timeout: seconds from accepting a connection to its end; it carries one request.
    """

    joins: Rate = Rate(200, 2)
    failures: Rate = Rate(20, 0.2)
    calls: Rate = Rate(120, 5)
    connections: int = 512
    held: int = 16
    body_timeout: float = 10.0
    connection_timeout: float = 60.0


class Buckets:
    """A bucket of tokens for everyone who asks; of those not seen for longest, the oldest go."""

    def __init__(self, rate: Rate, capacity: int = _SOURCES) -> None:
        self._rate = rate
        self._capacity = capacity
        self._known: OrderedDict[object, tuple[float, float]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._known)

    def take(self, who: object, now: float) -> float:
        """Take one token; answer 0, or, when there is none, in how many seconds there will be.

        `now` is monotonic. A refused attempt costs nothing: waiting as told is always enough.
        """
        tokens, since = self._known.pop(who, (self._rate.burst, now))
        tokens = min(self._rate.burst, tokens + (now - since) * self._rate.per_second)
        wait = 0.0 if tokens >= 1 else (1 - tokens) / self._rate.per_second
        self._known[who] = (tokens if wait else tokens - 1, now)
        if len(self._known) > self._capacity:
            self._known.popitem(last=False)
        return wait


def source_of(address: str) -> str:
    """Whom an IP address stands for: itself, or in IPv6 its /64, which one machine may own."""
    try:
        parsed = ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if not isinstance(parsed, IPv6Address):
        return str(parsed)
    if parsed.ipv4_mapped:
        return str(parsed.ipv4_mapped)
    return str(IPv6Address(int(parsed) >> 64 << 64))
