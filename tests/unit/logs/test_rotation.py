"""A full file is moved aside and nothing is lost, whoever follows it or holds it."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ground2cloud.logs.file import FileHandler
from ground2cloud.logs.rotate import LATER, RETRY_AFTER, Rotation, make_room, numbered
from tests.lab.follower import Follower
from tests.lab.log_records import history, lines_of, record

COUNT = 3000
LINES = [f"record {number:05d} {'x' * 80}" for number in range(COUNT)]
MAX_SIZE = 10_000
"""About 100 lines."""


class Clock:
    """Goes on as far as it is told."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def follower(tmp_path: Path) -> Iterator[Follower]:
    following = Follower(tmp_path / "agent.log")
    yield following
    following.let_go()


def write(handler: FileHandler, lines: list[str], after_each: Callable[[], object]) -> None:
    """Log lines, then close."""
    for line in lines:
        handler.handle(record(line))
        after_each()
    handler.close()


def touch(path: Path, *numbers: int) -> None:
    """Make rotated files that hold their own number."""
    for number in numbers:
        numbered(path, number).write_text(str(number))


def numbers(path: Path) -> dict[int, str]:
    """Which rotated files there are, and what number they were made with."""
    return {
        number: numbered(path, number).read_text()
        for number in range(1, 20)
        if numbered(path, number).exists()
    }


def test_no_record_is_lost_or_twice_and_no_file_is_too_big(tmp_path: Path) -> None:
    path = tmp_path / "agent.log"
    write(FileHandler(path, MAX_SIZE, 100), LINES, lambda: None)
    assert history(path, 100) == LINES
    files = list(tmp_path.iterdir())
    assert len(files) > 20
    assert all(file.stat().st_size <= MAX_SIZE for file in files)


def test_the_newest_are_kept_and_no_more_than_asked_for(tmp_path: Path) -> None:
    path = tmp_path / "agent.log"
    write(FileHandler(path, MAX_SIZE, 2), LINES, lambda: None)
    kept = history(path, 2)
    assert kept == LINES[-len(kept) :]
    names = sorted(file.name for file in tmp_path.iterdir())
    assert names == ["agent.log", "agent.log.1", "agent.log.2"]


def test_a_line_longer_than_a_file_may_be_is_still_written(tmp_path: Path) -> None:
    path = tmp_path / "agent.log"
    write(FileHandler(path, 100, 9), ["a" * 1000, "b" * 1000, "c"], lambda: None)
    assert [lines_of(file) for file in (numbered(path, 2), numbered(path, 1), path)] == [
        ["a" * 1000],
        ["b" * 1000],
        ["c"],
    ]
    assert not numbered(path, 3).exists()


def test_a_follower_by_name_sees_every_record(tmp_path: Path, follower: Follower) -> None:
    """On Windows the follower holds the file, so this goes the way of the next test there."""
    path = tmp_path / "agent.log"
    write(FileHandler(path, MAX_SIZE, 100), LINES, follower.look)
    assert follower.lines == LINES
    assert history(path, 100) == LINES


def test_a_follower_that_forbids_renaming_sees_every_record(
    tmp_path: Path, follower: Follower, clock: Clock
) -> None:
    path = tmp_path / "agent.log"
    handler = FileHandler(path, MAX_SIZE, 100, rename=follower.refuse, clock=clock)

    def look_and_wait() -> None:
        follower.look()
        clock.now += RETRY_AFTER / 5

    write(handler, LINES, look_and_wait)
    assert follower.lines == LINES
    assert history(path, 100) == LINES
    assert numbered(path, 15).exists()


def test_who_holds_the_file_for_a_moment_only_delays_the_renaming(
    tmp_path: Path, follower: Follower, clock: Clock
) -> None:
    path = tmp_path / "agent.log"
    handler = FileHandler(path, MAX_SIZE, 5, rename=follower.refuse, clock=clock)
    write_some = LINES[:150]
    for number, line in enumerate(write_some):
        handler.handle(record(line))
        if number == 10:
            follower.look()
        if number == 110:
            assert not numbered(path, 1).exists()
            follower.let_go()
            clock.now += RETRY_AFTER
    handler.close()
    assert history(path, 5) == write_some
    assert path.stat().st_size < MAX_SIZE / 2
    assert numbered(path, 1).stat().st_size > MAX_SIZE


def test_where_nothing_works_the_file_grows_and_says_so_and_the_next_try_is_later(
    tmp_path: Path, clock: Clock
) -> None:
    path = tmp_path / "agent.log"
    tries = []

    def refuse(source: Path, target: Path) -> None:
        tries.append(clock.now)
        raise PermissionError(13, f"{source} to {target}")

    touch(path, 1)  # and so there is no room for a copy either
    handler = FileHandler(path, MAX_SIZE, 5, rename=refuse, clock=clock)
    for line in LINES:
        handler.handle(record(line))
        clock.now += RETRY_AFTER / 5
    lines = lines_of(path)
    notes = [line for line in lines if line not in LINES]
    assert len(notes) == 1
    assert notes[0].startswith(f"the log file {path} can't be rotated and grows on: ")
    assert [line for line in lines if line in LINES] == LINES
    assert numbers(path) == {1: "1"}
    assert len(tries) <= 4 * (1 + clock.now / LATER)
    assert len(tries) >= 4 * (clock.now // LATER)
    handler.close()


def test_failed_tries_push_no_old_file_out(tmp_path: Path, clock: Clock) -> None:
    path = tmp_path / "agent.log"
    path.write_text("full")
    touch(path, 1, 2, 3)

    def refuse(source: Path, target: Path) -> None:
        if source == path:
            raise PermissionError(13, "held")
        source.replace(target)

    rotation = Rotation(path, refuse)
    for _ in range(3):
        assert not rotation.rotate(keep=3, now=clock())
    assert numbers(path) == {2: "1", 3: "2"}
    assert rotation.rotate(keep=3, now=clock())
    assert numbers(path) == {1: "full", 2: "1", 3: "2"}
    assert path.read_text() == ""


@pytest.mark.parametrize(
    ("there", "keep", "left"),
    [
        ([], 3, {}),
        ([1], 3, {2: "1"}),
        ([1, 2, 3], 3, {2: "1", 3: "2"}),
        ([1, 3], 3, {2: "1", 3: "3"}),
        ([2, 3], 3, {2: "2", 3: "3"}),
        ([1], 1, {}),
        ([1, 2, 3, 4, 5], 2, {2: "1"}),
        ([1, 2, 5], 2, {2: "1", 5: "5"}),
    ],
)
def test_room_is_made_by_moving_what_lies_below_the_first_gap(
    tmp_path: Path, there: list[int], keep: int, left: dict[int, str]
) -> None:
    path = tmp_path / "agent.log"
    touch(path, *there)
    make_room(path, keep, Path.replace)
    assert numbers(path) == left


def test_what_can_be_neither_renamed_nor_copied_stays(tmp_path: Path) -> None:
    path = tmp_path / "agent.log"
    path.mkdir()
    rotation = Rotation(path, rename=_refuse_everything)
    for _ in range(4):
        assert not rotation.rotate(keep=3, now=0.0)
    assert path.is_dir()
    assert numbers(path) == {}


def test_a_file_that_is_gone_already_needs_no_rotation(tmp_path: Path) -> None:
    assert Rotation(tmp_path / "agent.log").rotate(keep=3, now=0.0)


def test_new_limits_hold_from_the_next_record_on(tmp_path: Path) -> None:
    path = tmp_path / "agent.log"
    handler = FileHandler(path, 10**9, 100)
    for line in LINES[:1000]:
        handler.handle(record(line))
    handler.change(path, MAX_SIZE, 100)
    for line in LINES[1000:1010]:
        handler.handle(record(line))
    assert len(lines_of(path)) == 10
    touch(path, 2, 3, 4)
    handler.change(path, 100, 2)
    write(handler, LINES[1010:1012], lambda: None)
    assert sorted(numbers(path)) == [1, 2]


def _refuse_everything(source: Path, target: Path) -> None:
    raise PermissionError(13, f"{source} to {target}")
