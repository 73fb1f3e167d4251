"""Numbers as people say them."""

import io

import pytest

from ground2cloud.cli import words


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (-5, "0 ms"),
        (0, "0 ms"),
        (0.0123, "12 ms"),
        (0.31, "0.31 s"),
        (1, "1 s"),
        (59.4, "59 s"),
        (59.6, "1 min"),
        (60, "1 min"),
        (125, "2 min 5 s"),
        (3600, "1 h"),
        (7380, "2 h 3 min"),
        (86399.9, "1 d"),
        (90_000, "1 d 1 h"),
        (400 * 86_400, "400 d"),
    ],
)
def test_a_time_span_is_said_in_its_two_largest_units(seconds: float, said: str) -> None:
    assert words.duration(seconds) == said


@pytest.mark.parametrize(
    ("moment", "said"),
    [
        ("2026-11-22T10:15:00.120Z", "3 s ago"),
        ("2026-11-22T10:15:03.000Z", "now"),
        ("2026-11-22T10:15:02.500Z", "1 s ago"),
        ("2026-11-22T10:15:09.000Z", "now"),
        ("2026-11-22T08:15:03.120Z", "2 h ago"),
        (None, ""),
        ("nonsense", ""),
        ("2026-11-22T08:15:03.120", ""),
    ],
)
def test_how_long_ago_is_said_or_left_out(moment: str | None, said: str) -> None:
    assert words.ago(moment, "2026-11-22T10:15:03.120Z") == said


@pytest.mark.parametrize(
    ("number", "said"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1 kB"),
        (12_345_678, "12.3 MB"),
        (999_600, "1 MB"),
        (2**60, "1.15e+06 TB"),
    ],
)
def test_bytes_are_said_in_three_digits(number: int, said: str) -> None:
    assert words.size(number) == said


def test_one_is_one_and_the_others_are_many() -> None:
    assert words.count(1, "service") == "1 service"
    assert words.count(0, "service") == "0 services"


@pytest.mark.parametrize(
    ("encoding", "marks"),
    [("utf-8", words.UNICODE), ("cp1252", words.ASCII), ("ascii", words.ASCII)],
)
def test_a_terminal_is_shown_only_signs_that_it_has(encoding: str, marks: words.Marks) -> None:
    assert words.marks_for(io.TextIOWrapper(io.BytesIO(), encoding=encoding)) == marks


def test_colours_are_for_terminals_that_want_them(monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    assert words.wants_color(Terminal())
    assert not words.wants_color(io.StringIO())
    monkeypatch.setenv("NO_COLOR", "1")
    assert not words.wants_color(Terminal())
    monkeypatch.delenv("NO_COLOR")
    monkeypatch.setenv("TERM", "dumb")
    assert not words.wants_color(Terminal())
