"""What can't be seen is escaped, what is long is cut, everything else stays as it is."""

from typing import SupportsIndex

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ground2cloud.logs.escape import printable

ANY_TEXT = st.text(st.characters())  # lone surrogates included


@pytest.mark.parametrize(
    ("raw", "escaped"),
    [
        ("\x1b[31mred\x1b[0m", r"\x1b[31mred\x1b[0m"),
        ("\x1b]0;title\x07", r"\x1b]0;title\x07"),
        ("\x9b2J", r"\x9b2J"),
        ("a\nb\r\nc\td\x00", r"a\nb\r\nc\td\x00"),
        ("\x7f\x08", r"\x7f\x08"),
        ("user\u202egpj.exe", r"user\u202egpj.exe"),
        ("\u2066\u2069\u200f\u061c\ufeff", r"\u2066\u2069\u200f\u061c\ufeff"),
        ("\u2028\u2029\x85", r"\u2028\u2029\x85"),
        ("\ud800\udcff", r"\ud800\udcff"),
        ("\U000e0041", r"\U000e0041"),
    ],
)
def test_what_moves_the_cursor_or_the_reader_is_escaped(raw: str, escaped: str) -> None:
    assert printable(raw, 100) == escaped


@pytest.mark.parametrize(
    "text",
    ["", "lane 1 ready in 0.31 s", r"C:\ProgramData\new", 'it\'s "quoted"', "Köln 東京 😀 Ωμέγα"],
)
def test_what_can_be_seen_stays_as_it_is(text: str) -> None:
    assert printable(text, 100) == text


@pytest.mark.parametrize(
    ("limit", "cut"),
    [(6, "ab\x1b"), (7, "ab\x1bcd"), (8, "ab\x1bcd"), (1, "xy"), (2, "\x1b\x1b")],
)
def test_a_cut_never_leaves_half_an_escape(limit: int, cut: str) -> None:
    expected = {6: r"ab\x1b", 7: r"ab\x1b…", 8: r"ab\x1bcd", 1: "…", 2: "…"}[limit]
    assert printable(cut, limit) == expected


@given(ANY_TEXT, st.integers(min_value=1, max_value=50))
@example("\n" * 100, 1)
def test_the_result_is_printable_and_bounded_whatever_comes_in(text: str, limit: int) -> None:
    result = printable(text, limit)
    assert result.isprintable()
    assert len(result) <= limit
    assert result.encode("utf-8").decode() == result


@given(ANY_TEXT)
def test_nothing_is_cut_that_fits(text: str) -> None:
    assert printable(text, 10 * len(text) + 1).endswith("…") == text.endswith("…")


@given(ANY_TEXT)
def test_the_result_needs_no_second_escaping(text: str) -> None:
    once = printable(text, 1000)
    assert printable(once, 1000) == once


def test_only_the_beginning_is_looked_at() -> None:
    class Text(str):
        """Notes how much of it is taken."""

        __slots__ = ("taken",)

        def __getitem__(self, key: SupportsIndex | slice) -> str:
            self.taken = key
            return super().__getitem__(key)

    text = Text("\x1b" * 1_000_000)
    assert len(printable(text, 4096)) in range(4090, 4097)
    assert text.taken == slice(None, 4097)
