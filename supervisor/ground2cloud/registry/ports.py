"""Who gets which tunnel port: pure.

- a service has one port as long as it has its name;
- the port of a service that was removed is kept for that name, so that a line commented out for
  a day does not move a database to another port;
- one registration keeps at most `KEPT` ports; a new name beyond that takes over the port of the
  registration's own service that was removed longest ago. So no agent can use up all ports.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ground2cloud.registry.records import PortRange

KEPT = 64
"""Most ports of one registration, in use and kept; at least `config.model.MOST_SERVICES`."""


@dataclass(frozen=True, slots=True)
class Held:
    """A port that a registration has for a name.

    `removed_at` is when the service was removed, None while it is in use.
    """

    port: int
    removed_at: float | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    """What to do for the services that are wanted.

    Attributes:
        ports: the names that have their port already, or take one over.
        given_up: the names whose port another name takes over.
        fresh: the names that need a port which was nobody's.
        removed: the names that are no longer wanted and keep their port.
    """

    ports: dict[str, int]
    given_up: tuple[str, ...]
    fresh: tuple[str, ...]
    removed: tuple[str, ...]


def plan(held: Mapping[str, Held], wanted: Sequence[str], kept: int = KEPT) -> Plan:
    """Find a port for each of the `wanted` names, from those that the registration has."""
    ports = {name: held[name].port for name in wanted if name in held}
    new = [name for name in wanted if name not in held]
    unwanted = sorted(held.keys() - ports.keys(), key=lambda name: _age(held[name]))
    too_many = min(max(0, len(held) + len(new) - kept), len(new))
    given_up = unwanted[:too_many]
    heirs = new[: len(given_up)]
    ports |= {heir: held[name].port for heir, name in zip(heirs, given_up, strict=True)}
    removed = [name for name in unwanted[too_many:] if held[name].removed_at is None]
    return Plan(ports, tuple(given_up), tuple(new[len(given_up) :]), tuple(removed))


def _age(port: Held) -> tuple[bool, float, int]:
    """Sort key: removed longest ago first, in use last; then by port, so that it is no chance."""
    return port.removed_at is None, port.removed_at or 0.0, port.port


def next_ports(count: int, following: int, ports: PortRange) -> list[int]:
    """Return up to `count` ports from `following` on that were never anybody's."""
    begin = max(following, ports.first)
    free = (port for port in range(begin, ports.last + 1) if port not in ports.taken)
    return [port for _, port in zip(range(count), free, strict=False)]
