"""Sleep, a clock that is set, a network that moves; and ordinary days, on which nothing is said."""

import socket
from ipaddress import ip_address
from itertools import pairwise

import psutil
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ground2cloud.core.netwatch import JUMP, AddressWatch, ClockWatch, addresses

NOON = 1_795_348_800.0

sets = st.frozensets(st.sampled_from(["10.0.0.7", "192.168.1.4", "2001:db8::7"]))
steps = st.floats(min_value=0.0, max_value=3600.0)


def after_first_tick(**options: float) -> ClockWatch:
    watch = ClockWatch(**options)
    assert not watch.tick(100.0, NOON)
    return watch


@pytest.mark.parametrize("passed", [0.0, 3600.0, 1e9])
def test_time_that_passes_is_no_jump(passed: float) -> None:
    assert not after_first_tick().tick(100.0 + passed, NOON + passed)


@pytest.mark.parametrize("jump", [6.0, 3600.0, -6.0, -86400.0])
def test_a_wall_clock_that_jumps_is_told_once(jump: float) -> None:
    watch = after_first_tick()
    assert watch.tick(102.0, NOON + 2.0 + jump)
    assert not watch.tick(104.0, NOON + 4.0 + jump)


def test_a_small_correction_is_no_jump() -> None:
    watch = after_first_tick()
    assert not watch.tick(102.0, NOON + 2.0 + 4.9)
    assert not watch.tick(104.0, NOON + 4.0)


def test_a_monotonic_clock_that_runs_on_during_sleep_is_told_by_the_missing_ticks() -> None:
    watch = after_first_tick(longest=30.0)
    assert not watch.tick(130.0, NOON + 30.0)
    assert watch.tick(161.0, NOON + 61.0)
    assert not watch.tick(163.0, NOON + 63.0)


@given(walk=st.lists(steps, max_size=50), drift=st.floats(-0.001, 0.001))
def test_a_clock_that_drifts_never_jumps(walk: list[float], drift: float) -> None:
    """1,000 ppm is twice what NTP slews at most; an hour between ticks makes 3.6 s of it."""
    watch = ClockWatch()
    monotonic, wall = 100.0, NOON
    for step in walk:
        monotonic += step
        wall += step * (1 + drift)
        assert not watch.tick(monotonic, wall)


@given(walk=st.lists(st.tuples(steps, st.sampled_from([0.0, 7.0, -7.0, 90000.0])), max_size=50))
def test_exactly_the_jumps_are_told(walk: list[tuple[float, float]]) -> None:
    watch = ClockWatch()
    monotonic, wall = 100.0, NOON
    watch.tick(monotonic, wall)
    for step, jump in walk:
        monotonic += step
        wall += step + jump
        assert watch.tick(monotonic, wall) is (abs(jump) > JUMP)


@given(seen=st.lists(sets, max_size=30))
def test_every_change_of_addresses_is_told_and_nothing_else(seen: list[frozenset[str]]) -> None:
    watch = AddressWatch()
    told = [watch.tick(now) for now in seen]
    assert told[:1] == [False][: len(seen)]
    assert told[1:] == [now != before for before, now in pairwise(seen)]


def test_losing_every_address_and_getting_one_are_changes() -> None:
    watch = AddressWatch()
    assert not watch.tick(frozenset({"10.0.0.7"}))
    assert watch.tick(frozenset())
    assert watch.tick(frozenset({"10.0.0.7"}))


def test_the_addresses_of_this_machine_are_its_own_and_reach_others() -> None:
    own = {address.address for found in psutil.net_if_addrs().values() for address in found}
    found = addresses()
    assert found <= own
    assert not any(ip_address(each).is_loopback for each in found)
    assert not any(ip_address(each).is_link_local for each in found)


def test_the_address_from_which_others_are_reached_is_among_them() -> None:
    """Connecting a datagram socket sends nothing; it only asks for the route."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))
        except OSError:
            assert not any(ip_address(each).version == 4 for each in addresses())
        else:
            assert probe.getsockname()[0] in addresses()


def test_two_looks_at_a_quiet_network_are_the_same() -> None:
    watch = AddressWatch()
    watch.tick(addresses())
    assert not watch.tick(addresses())
