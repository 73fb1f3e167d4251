"""Who gets which port: no two services share one, and a service keeps its own."""

from hypothesis import given
from hypothesis import strategies as st

from ground2cloud.registry.ports import Held, Plan, next_ports, plan
from ground2cloud.registry.records import PortRange

NAMES = st.sampled_from([f"s{number}" for number in range(12)])
WANTED = st.lists(NAMES, unique=True, max_size=6)


def follow(held: dict[str, Held], wanted: list[str], kept: int, now: float, first: int) -> Plan:
    """Plan, and do to `held` what the plan says; fresh ports are counted from `first`."""
    before = dict(held)
    todo = plan(held, wanted, kept)
    for name in todo.given_up:
        del held[name]
    for name in todo.removed:
        held[name] = Held(held[name].port, now)
    for name, port in [*todo.ports.items(), *zip(todo.fresh, range(first, 99999), strict=False)]:
        held[name] = Held(port)
    for name in wanted:
        assert held[name].removed_at is None
        if name in before:
            assert held[name].port == before[name].port
    return todo


@given(st.lists(WANTED, max_size=30), st.integers(6, 10))
def test_through_any_changes_ports_are_distinct_and_stay(
    changes: list[list[str]], kept: int
) -> None:
    held: dict[str, Held] = {}
    first = 1
    for now, wanted in enumerate(changes):
        todo = follow(held, wanted, kept, float(now), first)
        first += len(todo.fresh)
        assert {name for name in held if held[name].removed_at is None} == set(wanted)
        ports = [port.port for port in held.values()]
        assert len(set(ports)) == len(ports) <= kept
        assert first - 1 == len(ports)  # what one registration takes is bounded


@given(st.lists(WANTED, max_size=30))
def test_with_room_enough_a_name_that_comes_back_has_its_port(changes: list[list[str]]) -> None:
    held: dict[str, Held] = {}
    known: dict[str, int] = {}
    for now, wanted in enumerate(changes):
        follow(held, wanted, 12, float(now), 1 + len(known))
        for name in wanted:
            assert known.setdefault(name, held[name].port) == held[name].port


def test_the_port_that_was_left_longest_ago_is_given_to_a_new_name() -> None:
    held = {"new": Held(1, 20.0), "old": Held(2, 10.0), "used": Held(3), "going": Held(4)}
    found = plan(held, ["used", "fresh"], kept=4)
    assert found == Plan({"used": 3, "fresh": 2}, ("old",), (), ("going",))


def test_more_than_what_may_be_kept_takes_nothing_from_names_in_use() -> None:
    """As when a later version keeps fewer."""
    held = {"a": Held(1), "b": Held(2), "c": Held(3, 1.0)}
    assert plan(held, ["a", "b", "d"], kept=1) == Plan({"a": 1, "b": 2, "d": 3}, ("c",), (), ())
    assert plan(held, ["a", "b"], kept=1) == Plan({"a": 1, "b": 2}, (), (), ())


@given(st.integers(0, 20), st.integers(0, 40), st.frozensets(st.integers(10, 30)))
def test_new_ports_are_in_the_range_and_free(
    count: int, following: int, taken: frozenset[int]
) -> None:
    found = next_ports(count, following, PortRange(10, 30, taken))
    free = [port for port in range(10, 31) if port not in taken and port >= following]
    assert found == free[:count]
