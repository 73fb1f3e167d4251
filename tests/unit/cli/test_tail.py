"""Following a log: every whole line once, in order, however the file is rotated."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ground2cloud.cli.tail import Tail, last_lines


def line(number: int) -> str:
    return f"2026-11-22T10:15:03.120Z INFO  this is line {number}"


def append(path: Path, *numbers: int) -> None:
    with path.open("ab") as file:
        for number in numbers:
            file.write(f"{line(number)}\n".encode())


def rename(path: Path) -> None:
    """Rotate as the log does where it can."""
    for number in range(9, 0, -1):
        older = path.with_name(f"{path.name}.{number}")
        if older.exists():
            older.rename(path.with_name(f"{path.name}.{number + 1}"))
    path.rename(path.with_name(f"{path.name}.1"))


def copy_and_truncate(path: Path) -> None:
    """Rotate as the log does where a reader keeps it from renaming."""
    content = path.read_bytes()
    rename(path)
    path.write_bytes(b"")
    path.with_name(f"{path.name}.1").write_bytes(content)


ROTATIONS = [rename, copy_and_truncate]


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "agent.log"


def test_only_what_comes_after_the_beginning_is_given(log: Path) -> None:
    append(log, 1, 2)
    tail = Tail(log)
    assert list(tail.read()) == []
    append(log, 3, 4)
    assert list(tail.read()) == [line(3), line(4)]
    assert list(tail.read()) == []


def test_a_line_is_given_when_it_is_whole(log: Path) -> None:
    append(log, 1)
    with log.open("ab", buffering=0) as file:
        file.write(b"half")
        tail = Tail(log)
        assert list(tail.read()) == []
        file.write(b" and h")
        assert list(tail.read()) == []
        file.write(b"alf\r\nnext")
    assert list(tail.read()) == ["half and half"]


def test_a_file_that_is_not_there_yet_is_waited_for(log: Path) -> None:
    tail = Tail(log)
    assert list(tail.read()) == []
    append(log, 1)
    assert list(tail.read()) == [line(1)]


@pytest.mark.parametrize("rotate", ROTATIONS)
def test_no_line_is_missed_over_a_rotation(log: Path, rotate: Callable[[Path], None]) -> None:
    append(log, 1)
    tail = Tail(log)
    append(log, 2)
    rotate(log)
    append(log, 3)
    assert list(tail.read()) == [line(2), line(3)]
    append(log, 4)
    assert list(tail.read()) == [line(4)]


@pytest.mark.parametrize("rotate", ROTATIONS)
def test_no_line_is_missed_over_several_rotations(
    log: Path, rotate: Callable[[Path], None]
) -> None:
    append(log, 1)
    tail = Tail(log)
    for number in range(2, 6):
        append(log, number)
        rotate(log)
    assert list(tail.read()) == [line(number) for number in range(2, 6)]
    assert list(tail.read()) == []
    append(log, 6)
    assert list(tail.read()) == [line(6)]


@pytest.mark.parametrize("rotate", ROTATIONS)
def test_a_rotation_with_nothing_after_it_gives_nothing_twice(
    log: Path, rotate: Callable[[Path], None]
) -> None:
    append(log, 1)
    tail = Tail(log)
    rotate(log)
    assert list(tail.read()) == []
    assert list(tail.read()) == []
    append(log, 2)
    assert list(tail.read()) == [line(2)]


def test_an_emptied_file_is_followed_from_its_beginning(log: Path) -> None:
    append(log, 1, 2, 3)
    tail = Tail(log)
    os.truncate(log, 0)
    assert list(tail.read()) == []
    append(log, 4)
    assert list(tail.read()) == [line(4)]


def test_a_replaced_file_of_the_same_size_is_noticed(log: Path) -> None:
    append(log, 1)
    tail = Tail(log)
    log.unlink()
    append(log, 2)
    assert list(tail.read()) == [line(2)]


def test_a_file_removed_and_put_back_is_followed(log: Path) -> None:
    append(log, 1)
    tail = Tail(log)
    log.unlink()
    assert list(tail.read()) == []
    append(log, 5)
    assert list(tail.read()) == [line(5)]


def test_a_file_larger_than_a_block_is_read_whole(log: Path) -> None:
    append(log, 0)
    tail = Tail(log)
    append(log, *range(1, 5000))
    assert list(tail.read()) == [line(number) for number in range(1, 5000)]


def test_bytes_that_are_not_text_are_shown_all_the_same(log: Path) -> None:
    tail = Tail(log)
    log.write_bytes(b"a\xffb\n")
    assert list(tail.read()) == ["a\N{REPLACEMENT CHARACTER}b"]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(steps=st.lists(st.sampled_from(["append", "rename", "copy", "read"]), max_size=30))
def test_every_line_comes_once_and_in_order(tmp_path: Path, steps: list[str]) -> None:
    """Nothing is lost or doubled, whatever happens between two readings."""
    for old in tmp_path.iterdir():
        old.unlink()
    log = tmp_path / "agent.log"
    append(log, 0)
    tail = Tail(log)
    written, seen = 0, []
    for step in [*steps, "read"]:
        match step:
            case "append":
                written += 1
                append(log, written)
            case "rename" if log.exists() and log.stat().st_size:
                rename(log)
            case "copy" if log.exists() and log.stat().st_size:
                copy_and_truncate(log)
            case "read":
                seen += list(tail.read())
    assert seen == [line(number) for number in range(1, written + 1)]


def always(_line: str) -> bool:
    return True


def test_the_last_lines_are_given_in_order(log: Path) -> None:
    append(log, *range(3000))
    end = log.stat().st_size
    assert last_lines(log, 3, always, end) == [line(2997), line(2998), line(2999)]
    assert last_lines(log, 0, always, end) == []
    assert last_lines(log, 5000, always, end) == [line(number) for number in range(3000)]


def test_lines_are_counted_after_they_were_chosen(log: Path) -> None:
    append(log, *range(100))
    chosen = last_lines(log, 2, lambda text: text.endswith("7"), log.stat().st_size)
    assert chosen == [line(87), line(97)]


def test_too_few_lines_are_made_up_from_rotated_files(log: Path) -> None:
    for number in range(3):
        append(log, number)
        rename(log)
    append(log, 3)
    assert last_lines(log, 3, always, log.stat().st_size) == [line(1), line(2), line(3)]


def test_an_empty_log_has_no_last_line(log: Path) -> None:
    log.touch()
    assert last_lines(log, 10, always, 0) == []
