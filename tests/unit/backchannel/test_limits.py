"""Token buckets: what they let through, in the long run too, and in bounded memory."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ground2cloud.backchannel.limits import Buckets, Rate, source_of


def test_a_burst_passes_and_then_the_rate() -> None:
    buckets = Buckets(Rate(3, 0.5))
    assert [buckets.take("a", 100.0) for _ in range(4)] == [0, 0, 0, 2]
    assert buckets.take("a", 101.0) == 1
    assert buckets.take("a", 102.0) == 0
    assert buckets.take("a", 102.0) == 2


def test_everyone_has_a_bucket_of_their_own() -> None:
    buckets = Buckets(Rate(1, 0.1))
    assert buckets.take("a", 0) == 0
    assert buckets.take("b", 0) == 0
    assert buckets.take("a", 0) == 10


def test_a_bucket_holds_no_more_than_the_burst() -> None:
    buckets = Buckets(Rate(2, 1))
    buckets.take("a", 0)
    assert [buckets.take("a", 1e6) for _ in range(3)] == [0, 0, 1]


@given(st.lists(st.floats(0, 10), max_size=100))
def test_never_more_than_burst_and_rate_allow(pauses: list[float]) -> None:
    buckets = Buckets(Rate(5, 0.3))
    now, passed = 0.0, 0
    for pause in pauses:
        now += pause
        passed += buckets.take("a", now) == 0
    assert passed <= 5 + 0.3 * now + 1e-6


@given(st.lists(st.floats(0, 3), max_size=50))
def test_waiting_as_told_is_always_enough(pauses: list[float]) -> None:
    buckets = Buckets(Rate(2, 0.7))
    now = 0.0
    for pause in pauses:
        now += pause
        wait = buckets.take("a", now)
        if wait:
            now += wait + 1e-9
            assert buckets.take("a", now) == 0


def test_many_sources_take_bounded_memory_and_the_recent_are_remembered() -> None:
    buckets = Buckets(Rate(1, 0.001), capacity=100)
    for number in range(1000):
        buckets.take(number, 0)
        buckets.take("often", 0)
    assert len(buckets) == 100
    assert buckets.take("often", 0) > 0
    assert buckets.take(999, 0) > 0
    assert buckets.take(0, 0) == 0


@pytest.mark.parametrize(
    ("address", "source"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"),
        ("fe80::1%eth0", "fe80::"),
        ("", ""),
    ],
)
def test_a_source_is_an_address_or_a_network_of_one_owner(address: str, source: str) -> None:
    assert source_of(address) == source
