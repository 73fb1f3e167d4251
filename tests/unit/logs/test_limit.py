"""A talkative source is kept short, and every line of it is accounted for."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ground2cloud.logs.limit import Repeats, Said


def said(*texts: str) -> list[Said]:
    return [Said(text) for text in texts]


def note(text: str) -> Said:
    return Said(text, note=True)


def test_lines_that_differ_pass_as_they_are() -> None:
    limit = Repeats()
    shown = [limit.feed(f"line {number}", now=number) for number in range(50)]
    assert shown == [said(f"line {number}") for number in range(50)]
    assert limit.end() == []


def test_identical_lines_are_one_line_and_a_count() -> None:
    limit = Repeats()
    assert limit.feed("Connection refused", 0.0) == said("Connection refused")
    for moment in range(1, 6):
        assert limit.feed("Connection refused", moment) == []
    assert limit.feed("Permission denied", 6.0) == [
        note("the last line came 5 times more"),
        Said("Permission denied"),
    ]
    assert limit.feed("Permission denied", 6.1) == []
    assert limit.end() == [note("the last line came once more")]
    assert limit.end() == []


def test_a_line_that_never_stops_is_mentioned_now_and_then() -> None:
    limit = Repeats(tell_after=10.0)
    notes = [limit.feed("again", second) for second in range(31)]
    assert [second for second, shown in enumerate(notes) if shown] == [0, 10, 20, 30]
    assert notes[20] == [note("the last line came 10 times more")]


def test_a_flood_passes_in_bursts_and_is_counted() -> None:
    limit = Repeats(rate=1.0, burst=3)
    shown = [limit.feed(f"line {number}", 0.0) for number in range(10)]
    assert shown == [said("line 0"), said("line 1"), said("line 2"), *[[]] * 7]
    assert limit.feed("later", 1.0) == [note("7 lines left out: too many at once"), Said("later")]
    assert limit.feed("more", 1.0) == []
    assert limit.end() == [note("1 line left out: too many at once")]


def test_a_line_that_was_left_out_is_not_taken_for_the_last_one() -> None:
    limit = Repeats(rate=1.0, burst=1)
    assert limit.feed("a", 0.0) == said("a")
    assert limit.feed("a", 0.0) == []
    assert limit.feed("b", 0.0) == []
    assert limit.feed("a", 0.0) == []
    assert limit.end() == [
        note("the last line came once more"),
        note("2 lines left out: too many at once"),
    ]


def test_a_clock_that_stands_or_goes_back_grants_nothing() -> None:
    limit = Repeats(rate=1000.0, burst=1)
    assert limit.feed("a", 100.0) == said("a")
    assert limit.feed("b", 50.0) == []
    assert limit.feed("c", 50.0) == []


STREAM = st.lists(st.tuples(st.sampled_from("abc"), st.floats(0, 3)), max_size=200)


@given(STREAM, st.sampled_from([0.5, 2.0]), st.integers(1, 10))
def test_every_line_is_shown_or_counted(
    stream: list[tuple[str, float]], rate: float, burst: int
) -> None:
    limit = Repeats(rate, burst)
    now, accounted, shown_at = 0.0, 0, []
    for line, pause in stream:
        now += pause
        answer = limit.feed(line, now)
        accounted += sum(map(lines_in, answer))
        shown_at += [now for entry in answer if not entry.note]
    accounted += sum(map(lines_in, limit.end()))
    assert accounted == len(stream)
    for first, begin in enumerate(shown_at):
        for last in range(first, len(shown_at)):
            assert last - first + 1 <= burst + rate * (shown_at[last] - begin) + 1e-6


def lines_in(entry: Said) -> int:
    """How many lines of the source an entry stands for."""
    if not entry.note:
        return 1
    if " once " in entry.text:
        return 1
    found = re.search(r"\d+", entry.text)
    assert found
    return int(found[0])


@pytest.mark.parametrize("count", [1, 2])
def test_notes_are_ours_whatever_the_source_says(count: int) -> None:
    forged = "999 lines left out: too many at once"
    limit = Repeats()
    shown = [entry for _ in range(count) for entry in limit.feed(forged, 0.0)]
    assert shown == [Said(forged, note=False)]
