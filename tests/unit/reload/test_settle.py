"""When a change has settled, for any sequence of events."""

from typing import NamedTuple

from hypothesis import given
from hypothesis import strategies as st

from ground2cloud.reload.settle import Rules, Touch, Unsettled, touched

RULES = Rules(debounce=0.3, close_wait=5.0, longest=30.0)

Event = tuple[Touch, float]

touches = st.sampled_from(Touch)
gaps = st.floats(min_value=0.0, max_value=8.0)
histories = st.lists(st.tuples(touches, gaps), min_size=1, max_size=60)


class Change(NamedTuple):
    """The times of the events that count as one change, and of the look at the file."""

    events: list[float]
    look: float


def run(history: list[Event]) -> list[Change]:
    """Play events, each `gap` seconds after the one before."""
    now, state = 100.0, None
    changes: list[Change] = []
    events: list[float] = []
    for touch, gap in history:
        now += gap
        if state is not None and state.due(RULES) <= now:
            changes.append(Change(events, state.due(RULES)))
            state, events = None, []
        state = touched(state, touch, now)
        events.append(now)
    assert state is not None
    return [*changes, Change(events, state.due(RULES))]


def after(*history: Event) -> Unsettled:
    state = None
    now = 0.0
    for touch, gap in history:
        now += gap
        state = touched(state, touch, now)
    assert state is not None
    return state


def test_a_single_complete_change_is_looked_at_after_the_debounce() -> None:
    assert after((Touch.COMPLETE, 0)).due(RULES) == 0.3


def test_an_open_writer_is_waited_for() -> None:
    assert after((Touch.WRITTEN, 0), (Touch.WRITTEN, 4)).due(RULES) == 9.0


def test_closing_ends_the_wait_for_the_writer() -> None:
    assert after((Touch.WRITTEN, 0), (Touch.COMPLETE, 1)).due(RULES) == 1.3


def test_a_change_of_mode_does_not_end_the_wait_for_the_writer() -> None:
    assert after((Touch.WRITTEN, 0), (Touch.NOTICED, 1)).due(RULES) == 6.0


def test_a_writer_that_starts_after_a_complete_change_is_waited_for() -> None:
    assert after((Touch.COMPLETE, 0), (Touch.WRITTEN, 0.1)).due(RULES) == 5.1


def test_vims_save_is_looked_at_once() -> None:
    """Moved to the backup, created empty, written, closed: the end alone decides."""
    changes = run(
        [
            (Touch.COMPLETE, 0),
            (Touch.WRITTEN, 0.001),
            (Touch.WRITTEN, 1.5),
            (Touch.COMPLETE, 1.5),
        ]
    )
    assert [change.look for change in changes] == [103.301]


@given(history=histories)
def test_every_event_is_followed_by_a_look(history: list[Event]) -> None:
    changes = run(history)
    assert sum(len(change.events) for change in changes) == len(history)
    assert all(change.look >= change.events[-1] for change in changes)


@given(history=histories)
def test_no_look_before_the_debounce_but_for_a_change_that_never_ends(
    history: list[Event],
) -> None:
    for events, look in run(history):
        assert look >= min(events[-1] + RULES.debounce, events[0] + RULES.longest)


@given(history=histories)
def test_no_look_later_than_its_bounds(history: list[Event]) -> None:
    for events, look in run(history):
        assert look <= min(events[-1] + RULES.close_wait, events[0] + RULES.longest)


@given(gap=st.floats(min_value=0.0, max_value=0.29), count=st.integers(1, 80))
def test_events_closer_than_the_debounce_are_one_change(gap: float, count: int) -> None:
    """80 events of 0.29 s stay below the longest wait of 30 s."""
    assert len(run([(Touch.COMPLETE, gap)] * count)) == 1


def test_a_file_that_never_rests_is_looked_at_all_the_same() -> None:
    assert len(run([(Touch.COMPLETE, 0.2)] * 1000)) == 7  # 200 s, at most 30 s each


@given(history=histories)
def test_only_the_last_event_that_tells_decides_whether_someone_writes(
    history: list[Event],
) -> None:
    telling = [touch for touch, _ in history if touch is not Touch.NOTICED]
    assert after(*history).writing is (telling[-1:] == [Touch.WRITTEN])
