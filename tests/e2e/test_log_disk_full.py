"""A disk that is really full stops the log and not the program; nothing is lost in silence."""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from ground2cloud.logs.rotate import RENAMES, RETRY_AFTER
from tests.lab.log_driver import LogDriver, log_driver
from tests.lab.log_records import Settings, accounted_for, history, lines_of

COUNT = 1500
"""Records of some 130 bytes: three times the disk."""


@contextmanager
def on_small_disk(disk: Path, settings: Settings) -> Iterator[tuple[LogDriver, Path]]:
    """Run the program with a disk of 64 KiB, a quarter of it taken; give the way to the disk."""
    mount = f"mount -t tmpfs -o size=64k,mode=0755 none '{disk}'"
    with log_driver(disk / "agent.log", settings, mount=mount) as program:
        program.order("@trouble")  # mounted, then
        seen = program.seen(disk)
        (seen / "filler").write_bytes(b"x" * 16_384)
        yield program, seen


@pytest.mark.parametrize("line_format", ["text", "json"])
def test_a_full_disk_stops_the_log_not_the_program(tmp_path: Path, line_format: str) -> None:
    with on_small_disk(tmp_path, Settings(format=line_format)) as (program, disk):
        program.many(0, COUNT)
        assert (disk / "agent.log").stat().st_size == 65_536 - 16_384
        assert program.order("@trouble").endswith(": No space left on device")
        (disk / "filler").unlink()
        program.order("@settle")
        assert program.order("@trouble") == ""
        program.many(COUNT, 1)
        lines = lines_of(disk / "agent.log")
        stderr = program.end()
    assert accounted_for(lines) == list(range(COUNT + 1))
    notes = [line for line in lines if " lost between " in line]
    assert len(notes) == 1
    assert lines.index(notes[0]) == len(lines) - 2
    if line_format == "json":
        assert json.loads(notes[0])["event"] == "log-lines-lost"
        assert all(json.loads(line) for line in lines)
    said = [line for line in stderr if "can't be written: No space left on device" in line]
    assert len(said) == 1
    assert accounted_for(stderr) == list(range(COUNT + 1))


def test_a_disk_that_fills_up_while_files_rotate_loses_nothing_in_silence(tmp_path: Path) -> None:
    settings = Settings(format="json", max_size=10_000, keep=9)
    with on_small_disk(tmp_path, settings) as (program, disk):
        program.many(0, COUNT)
        assert program.order("@trouble").endswith(": No space left on device")
        (disk / "filler").unlink()
        program.many(COUNT, 50)
        lines = history(disk / "agent.log", 9)
        program.end()
    assert accounted_for(lines) == list(range(COUNT + 50))
    assert all(json.loads(line) for line in lines)


def test_a_disk_freed_by_removing_the_log_itself_is_used_again(tmp_path: Path) -> None:
    with on_small_disk(tmp_path, Settings()) as (program, disk):
        program.many(0, COUNT)
        lost = int(program.order("@trouble").split()[0])
        (disk / "agent.log").unlink()
        program.many(COUNT, 1)
        note, found = lines_of(disk / "agent.log")
        program.end()
    assert f" {lost + 1} lines lost between " in note  # one was begun in the removed file
    assert f"record {COUNT:06d}" in found


def test_a_file_that_cannot_be_renamed_is_copied_and_emptied(tmp_path: Path) -> None:
    """A file that is a mount point can be written and not renamed, as one held on Windows."""
    path = tmp_path / "agent.log"
    path.touch()
    settings = Settings(max_size=10_000, keep=9)
    with log_driver(path, settings, mount=f"mount --bind '{path}' '{path}'") as program:
        number = 0
        while not all((tmp_path / f"agent.log.{rotated}").exists() for rotated in (1, 2)):
            program.many(number, 10)
            number += 10
        seen = program.seen(path)
        assert seen.stat().st_size <= 10 * 132
        assert accounted_for(history(seen, 9)) == list(range(number))
        program.end()


def test_a_copy_that_finds_no_room_leaves_the_log_as_it_is(tmp_path: Path) -> None:
    settings = Settings(max_size=30_000, keep=9)
    path = tmp_path / "agent.log"
    mount = (
        f"mount -t tmpfs -o size=64k,mode=0755 none '{tmp_path}' && touch '{path}'"
        f" && mount --bind '{path}' '{path}'"
    )
    with log_driver(path, settings, mount=mount) as program:
        program.order("@trouble")
        disk = program.seen(tmp_path)
        (disk / "filler").write_bytes(b"x" * 20_000)
        program.many(0, 250)
        for number in range(250, 250 + 2 * RENAMES):
            time.sleep(RETRY_AFTER)
            program.many(number, 1)
        lines = lines_of(disk / "agent.log")
        names = sorted(entry.name for entry in disk.iterdir())
        program.end()
    assert accounted_for(lines) == list(range(250 + 2 * RENAMES))
    assert sum("can't be rotated and grows on: No space" in line for line in lines) == 1
    assert names == ["agent.log", "filler"]
