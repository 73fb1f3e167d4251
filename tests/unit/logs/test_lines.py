"""Lines stay whole on a stream that takes parts, and what is lost is counted and told."""

import logging

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ground2cloud.logs.lines import LineHandler, Losses, WholeLines
from tests.lab.log_records import record


class Disk:
    """Takes so many bytes at each write; 0 means that it is full just then."""

    def __init__(self, takes: list[int]) -> None:
        self._takes = iter(takes)
        self.content = b""

    def write(self, data: bytes) -> int:
        room = next(self._takes, len(data))
        if not room:
            raise OSError(28, "No space left on device")
        self.content += data[:room]
        return min(room, len(data))


@given(st.lists(st.integers(0, 8)), st.integers(1, 20))
def test_no_line_is_torn_or_glued_or_in_doubt(takes: list[int], count: int) -> None:
    disk = Disk(takes)
    lines = WholeLines(disk.write)
    delivered = []
    for number in range(count):
        line = b"line %d\n" % number
        try:
            lines.put(line)
        except OSError:
            continue
        delivered.append(line)
        assert disk.content + lines.rest == b"".join(delivered)
    assert disk.content + lines.rest == b"".join(delivered)


@pytest.mark.parametrize("answer", [None, 0])
def test_a_stream_that_takes_nothing_now_is_like_a_full_one(answer: int | None) -> None:
    with pytest.raises(BlockingIOError):
        WholeLines(lambda _: answer).put(b"x\n")


class Fragile(LineHandler):
    """Fails as long as it is told to."""

    def __init__(self, told: list[str]) -> None:
        super().__init__("it", lambda made: told.append(made.getMessage()))
        self.error: Exception | None = None
        self.written: list[str] = []

    def deliver(self, record: logging.LogRecord) -> None:
        if self.error:
            raise self.error
        self.written.append(record.getMessage())


def test_what_is_lost_is_told_once_at_first_and_counted_at_the_end() -> None:
    told: list[str] = []
    handler = Fragile(told)
    handler.error = OSError(28, "No space left on device")
    for number in range(3):
        made = record(f"line {number}")
        made.created = 1795342503.12 + number
        handler.handle(made)
    handler.settle()
    assert told == ["it can't be written: No space left on device; lines are lost until it can"]
    handler.error = None
    handler.handle(record("line 3"))
    span = "2026-11-22T10:15:03.120Z and 2026-11-22T10:15:05.120Z"
    assert handler.written == [
        f"3 lines lost between {span}: No space left on device",
        "line 3",
    ]


def test_a_debt_is_paid_without_a_record_as_soon_as_possible() -> None:
    handler = Fragile([])
    handler.error = OSError(28, "No space left on device")
    handler.handle(record("line"))
    assert handler.owes
    handler.error = None
    handler.settle()
    handler.settle()
    assert len(handler.written) == 1
    assert handler.written[0].startswith("1 line lost at 20")
    assert not handler.owes


def test_a_defect_in_the_handler_costs_the_line_not_the_program() -> None:
    handler = Fragile([])
    handler.error = ValueError("a defect")
    handler.handle(record("line"))
    handler.error = None
    handler.settle()
    assert handler.written[0].endswith(": defect: ValueError('a defect')")


def test_a_wall_clock_that_goes_back_does_not_turn_the_span_round() -> None:
    losses = Losses()
    for moment in (20.0, 10.0, 15.0):
        losses.add(moment, "x")
    assert (losses.first, losses.last) == (10.0, 20.0)
