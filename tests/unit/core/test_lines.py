"""Lines: any stream in any chunks comes out whole, bounded and decodable."""

from hypothesis import given
from hypothesis import strategies as st

from ground2cloud.core.lines import Lines


@given(st.lists(st.text(st.characters(exclude_characters="\r\n", codec="utf-8"))), st.data())
def test_any_chunking_gives_the_same_lines(texts: list[str], data: st.DataObject) -> None:
    stream = "".join(text + "\n" for text in texts).encode()
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=10)))
    lines, got = Lines(), []
    for start, end in zip([0, *cuts], [*cuts, len(stream)], strict=True):
        got += lines.feed(stream[start:end])
    assert got + lines.end() == texts


@given(st.binary(max_size=5000))
def test_no_bytes_break_it_and_no_line_is_longer_than_its_limit(stream: bytes) -> None:
    lines = Lines(limit=64)
    for line in lines.feed(stream) + lines.end():
        assert len(line) <= 65
        assert "\n" not in line


def test_a_megabyte_without_a_newline_is_cut_and_the_next_line_is_whole() -> None:
    lines = Lines(limit=100)
    got = [line for _ in range(16) for line in lines.feed(b"x" * 65536)]
    assert got == []
    assert lines.feed(b"\nnext\n") == ["x" * 100 + "…", "next"]


def test_half_a_line_at_the_end_is_not_lost() -> None:
    lines = Lines()
    assert lines.feed(b"one\r\ntw") == ["one"]
    assert lines.end() == ["tw"]
    assert lines.end() == []
