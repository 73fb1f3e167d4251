"""The log file among the habits of POSIX: logrotate, tail, links, pipes, umask, limits."""

import os
import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from ground2cloud.logs.file import FileHandler
from tests.lab.log_driver import log_driver
from tests.lab.log_records import Settings, accounted_for, history, lines_of, record
from tests.lab.waiting import wait_until


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "agent.log"


@pytest.fixture
def handler(path: Path) -> Iterator[FileHandler]:
    made = FileHandler(path, 10_000, 100)
    yield made
    made.close()


def test_tail_sees_every_record_across_rotations(path: Path, handler: FileHandler) -> None:
    lines = [f"record {number:05d} {'x' * 80}" for number in range(3000)]
    seen = path.with_name("seen")
    path.touch()
    with (
        seen.open("wb") as out,
        subprocess.Popen(
            ["tail", "-n", "+1", "-F", path], stdout=out, stderr=subprocess.DEVNULL
        ) as tail,
    ):
        try:
            for begin in range(0, len(lines), 60):
                for line in lines[begin : begin + 60]:
                    handler.handle(record(line))
                last = lines[begin + 59].encode()
                wait_until(lambda last=last: last in seen.read_bytes(), what="tail to keep up")
        finally:
            tail.kill()
    assert lines_of(seen) == lines
    assert history(path, 100) == lines
    assert len(list(path.parent.glob("agent.log.*"))) > 20


def test_a_file_that_logrotate_renamed_is_left_to_it(path: Path, handler: FileHandler) -> None:
    handler.handle(record("one"))
    path.rename(path.with_name("agent.log-20261122"))
    handler.handle(record("two"))
    assert lines_of(path.with_name("agent.log-20261122")) == ["one"]
    assert lines_of(path) == ["two"]


def test_a_file_that_was_removed_is_made_again(path: Path, handler: FileHandler) -> None:
    handler.handle(record("one"))
    path.unlink()
    path.parent.rename(path.parent.with_name("gone"))
    handler.handle(record("two"))
    assert lines_of(path) == ["two"]


def test_a_file_that_was_emptied_is_continued_at_its_beginning(
    path: Path, handler: FileHandler
) -> None:
    handler.handle(record("one"))
    os.truncate(path, 0)
    handler.handle(record("two"))
    assert path.read_bytes() == b"two\n"


def test_a_full_device_costs_lines_until_there_is_room(path: Path, handler: FileHandler) -> None:
    path.symlink_to("/dev/full")
    for _ in range(3):
        handler.handle(record("lost"))
    assert str(handler.losses).startswith("3 lines lost between ")
    path.unlink()
    handler.handle(record("found"))
    first, second = lines_of(path)
    assert first.startswith("3 lines lost between ")
    assert first.endswith("Z: No space left on device")
    assert second == "found"


def test_a_device_is_never_rotated(path: Path, handler: FileHandler) -> None:
    path.symlink_to("/dev/null")
    for _ in range(300):
        handler.handle(record("x" * 100))
    assert handler.losses.count == 0
    assert [entry.name for entry in path.parent.iterdir()] == ["agent.log"]


def test_a_pipe_without_a_reader_holds_nobody_up(path: Path, handler: FileHandler) -> None:
    os.mkfifo(path)
    handler.handle(record("lost"))
    assert handler.losses.reason == "No such device or address"


def test_the_group_may_read_and_others_may_not_where_the_umask_says_no_more(
    path: Path, handler: FileHandler
) -> None:
    before = os.umask(0)
    try:
        handler.handle(record("one"))
    finally:
        os.umask(before)
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    path.unlink()
    os.umask(0o077)
    try:
        handler.handle(record("two"))
    finally:
        os.umask(before)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_line_that_was_begun_is_finished_as_soon_as_there_is_room(path: Path) -> None:
    """A limit of the file's size cuts a write in the middle, as a full disk does."""
    with log_driver(path, Settings(format="text")) as program:
        program.order("@limit 1050")
        program.many(0, 20, 100)
        torn = path.read_bytes()
        assert len(torn) == 1050
        assert not torn.endswith(b"\n")
        assert program.order("@trouble").endswith(": File too large")
        program.order("@limit -1")
        program.many(20, 1, 100)
        stderr = program.end()
    lines = lines_of(path)
    whole = [line for line in lines if " record " in line]
    (note,) = [line for line in lines if " WARN " in line]
    kept = [int(line.split()[3]) for line in whole]
    assert kept == [*range(len(whole) - 1), 20]
    assert all(len(line.split(" record ")[1]) == 93 for line in whole)
    assert f" {20 - (len(whole) - 1)} lines lost between " in note
    assert lines.index(note) == len(lines) - 2
    assert sum("can't be written: File too large" in line for line in stderr) == 1


def test_the_rest_of_a_line_is_not_put_into_a_file_that_was_emptied(path: Path) -> None:
    with log_driver(path, Settings()) as program:
        program.order("@limit 1050")
        program.many(0, 20, 100)
        os.truncate(path, 0)
        program.many(20, 1, 100)
        program.end()
    note, found = lines_of(path)
    lost = 20 - 1050 // len(found + "\n")
    assert f" {lost} lines lost between " in note
    assert " record 000020 " in found


def test_a_file_is_not_moved_aside_in_the_middle_of_a_line(path: Path) -> None:
    with log_driver(path, Settings(max_size=1200)) as program:
        program.order("@limit 1050")
        program.many(0, 20)
        rest = len(lines_of_any(path)[0]) + 1 - len(lines_of_any(path)[-1])
        program.order(f"@limit {1050 + rest + 30}")  # 30 bytes of the line about lost ones
        program.many(20, 1)
        assert path.stat().st_size == 1050 + rest + 30
        program.order("@limit -1")
        program.many(21, 1)
        program.end()
    assert accounted_for(history(path, 3)) == list(range(22))


def test_a_torn_file_put_in_the_log_s_place_is_continued_on_a_line_of_its_own(path: Path) -> None:
    with log_driver(path, Settings()) as program:
        program.order("@limit 1050")
        program.many(0, 20)
        program.order("@limit -1")
        program.many(20, 1)
        other = path.with_name("other")
        other.write_text("before\ntor")
        other.rename(path)
        program.many(21, 1)
        program.end()
    assert lines_of(path)[:2] == ["before", "tor"]
    assert accounted_for(lines_of(path)[2:]) == [21]


def test_the_end_of_a_line_torn_by_a_crash_is_no_line_to_count(path: Path) -> None:
    path.write_text("tor")
    with log_driver(path, Settings()) as program:
        program.order("@limit 3")
        program.many(0, 1)
        path.unlink()
        program.many(1, 1)
        program.order("@limit -1")
        program.many(2, 1)
        program.end()
    assert accounted_for(lines_of(path)) == [0, 1, 2]


def lines_of_any(path: Path) -> list[str]:
    """The lines of a file that may end in the middle of one."""
    return path.read_text().splitlines()
