"""When the next check is due."""

import itertools

from hypothesis import given
from hypothesis import strategies as st

from ground2cloud.applications.schedule import AFTER_FAILURE, LEAST_GAP, Schedule

luck = st.floats(0, 1, exclude_max=True)


@given(luck=luck)
def test_while_all_is_well_a_minute_passes_between_two_checks(luck: float) -> None:
    schedule = Schedule.first(100.0, 0.5).after(ok=True, now=200.0, luck=luck)
    assert 260.0 <= schedule.due <= 266.0


def test_after_failures_it_is_sooner_and_then_a_minute_again() -> None:
    schedule = Schedule.first(0.0, 0.0)
    waits = []
    for _ in range(6):
        schedule = schedule.after(ok=False, now=schedule.due, luck=0.0)
        assert schedule.checked is not None
        waits.append(schedule.due - schedule.checked)
    assert waits == [5.0, 10.0, 20.0, 60.0, 60.0, 60.0]


def test_a_success_forgets_the_failures() -> None:
    schedule = Schedule.first(0.0, 0.0)
    for ok in (False, False, True, False):
        schedule = schedule.after(ok=ok, now=50.0, luck=0.0)
    assert schedule.due == 50.0 + AFTER_FAILURE[0]


def test_fifty_services_are_not_checked_at_once() -> None:
    firsts = [Schedule.first(0.0, number / 50).due for number in range(50)]
    assert len(set(firsts)) == 50
    assert 0.0 <= min(firsts) <= max(firsts) <= 2.0


def test_a_reason_makes_it_due_at_once() -> None:
    assert Schedule.first(10.0, 0.9).asked(10.0).due == 10.0
    well = Schedule.first(0.0, 0.0).after(ok=True, now=1.0, luck=0.0)
    assert well.asked(30.0).due == 30.0


@given(st.lists(st.floats(0, 100), min_size=1, max_size=50).map(sorted))
def test_many_reasons_are_one_check_every_few_seconds(reasons: list[float]) -> None:
    schedule = Schedule.first(0.0, 0.0)
    checks = []
    for now in reasons:
        schedule = schedule.asked(now)
        if schedule.due <= now:
            checks.append(now)
            schedule = schedule.after(ok=False, now=now, luck=0.0)
    gaps = [later - earlier for earlier, later in itertools.pairwise(checks)]
    assert all(gap >= LEAST_GAP for gap in gaps)


@given(checked=st.floats(0, 1e6), asked=st.floats(0, 1e6), luck=luck, ok=st.booleans())
def test_a_reason_never_delays_a_check(
    checked: float, asked: float, luck: float, *, ok: bool
) -> None:
    schedule = Schedule.first(0.0, 0.0).after(ok=ok, now=checked, luck=luck)
    assert schedule.asked(asked).due <= schedule.due
