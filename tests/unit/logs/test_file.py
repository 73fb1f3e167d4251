"""The log file takes lines, makes what is missing, and never raises."""

import logging
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ground2cloud.logs.file import FileHandler
from tests.lab.log_records import lines_of, record

Make = Callable[..., FileHandler]


@pytest.fixture
def make() -> Iterator[Make]:
    """Make handlers that write nothing but the message."""
    made = []

    def make_one(path: Path, max_size: int = 10**9, keep: int = 3, **more: object) -> FileHandler:
        handler = FileHandler(path, max_size, keep, **more)
        made.append(handler)
        return handler

    yield make_one
    for handler in made:
        handler.close()


def test_the_directory_is_made_with_the_first_record(tmp_path: Path, make: Make) -> None:
    path = tmp_path / "var" / "log" / "agent.log"
    handler = make(path)
    assert not path.parent.exists()
    handler.handle(record("one"))
    handler.handle(record("Köln"))
    assert path.read_bytes() == "one\nKöln\n".encode()


def test_an_existing_file_is_continued(tmp_path: Path, make: Make) -> None:
    path = tmp_path / "agent.log"
    path.write_text("before\n")
    make(path).handle(record("after"))
    assert lines_of(path) == ["before", "after"]


def test_a_line_torn_by_a_crash_is_not_glued_to_the_next(tmp_path: Path, make: Make) -> None:
    path = tmp_path / "agent.log"
    path.write_text("before\ntor")
    make(path).handle(record("after"))
    assert lines_of(path) == ["before", "tor", "after"]


def test_a_path_that_is_unusable_costs_lines_only(tmp_path: Path, make: Make) -> None:
    (tmp_path / "file").write_text("not a directory")
    told: list[str] = []
    handler = make(
        tmp_path / "file" / "agent.log", tell=lambda said: told.append(said.getMessage())
    )
    for _ in range(3):
        handler.handle(record("lost"))
    assert handler.losses.count == 3
    assert len(told) == 1
    (tmp_path / "file").unlink()
    handler.handle(record("found"))
    first, second = lines_of(tmp_path / "file" / "agent.log")
    assert first.startswith("3 lines lost between 20")
    assert second == "found"


def test_a_directory_in_place_of_the_file_costs_lines_only(tmp_path: Path, make: Make) -> None:
    path = tmp_path / "agent.log"
    path.mkdir()
    handler = make(path)
    handler.handle(record("lost"))
    path.rmdir()
    handler.settle()
    assert len(lines_of(path)) == 1
    assert lines_of(path)[0].startswith("1 line lost at 20")


def test_a_debt_is_paid_at_the_end(tmp_path: Path, make: Make) -> None:
    path = tmp_path / "agent.log"
    path.mkdir()
    handler = make(path)
    handler.handle(record("lost"))
    path.rmdir()
    handler.close()
    assert lines_of(path)[0].startswith("1 line lost at 20")


def test_the_file_can_change_without_losing_a_record(tmp_path: Path, make: Make) -> None:
    old, new = tmp_path / "agent.log", tmp_path / "other" / "agent.log"
    handler = make(old)
    handler.handle(record("one"))
    handler.change(new, 10**9, 3)
    handler.handle(record("two"))
    assert lines_of(old) == ["one", f"the log goes on in {new}"]
    assert lines_of(new) == ["two"]


def test_a_change_before_the_first_record_leaves_no_file(tmp_path: Path, make: Make) -> None:
    handler = make(tmp_path / "agent.log")
    handler.change(tmp_path / "other.log", 10**9, 3)
    handler.handle(record("one"))
    assert not (tmp_path / "agent.log").exists()


def test_a_change_to_an_unusable_file_changes_nothing(tmp_path: Path, make: Make) -> None:
    handler = make(tmp_path / "agent.log")
    handler.handle(record("one"))
    with pytest.raises(OSError, match=r"agent\.log"):
        handler.change(tmp_path / "agent.log" / "x", 1, 1)
    handler.handle(record("two"))
    assert handler.path == tmp_path / "agent.log"
    assert lines_of(handler.path) == ["one", "two"]


def test_a_debt_of_the_old_file_is_told_in_the_new_one(tmp_path: Path, make: Make) -> None:
    (tmp_path / "file").write_text("not a directory")
    handler = make(tmp_path / "file" / "agent.log")
    handler.handle(record("lost"))
    handler.change(tmp_path / "agent.log", 10**9, 3)
    handler.handle(record("found"))
    assert [line[:11] for line in lines_of(handler.path)] == ["1 line lost", "found"]


def test_a_closed_handler_makes_no_file(tmp_path: Path, make: Make) -> None:
    handler = make(tmp_path / "agent.log")
    handler.handle(record("one"))
    handler.close()
    handler.path.unlink()
    handler.close()
    assert not handler.path.exists()


def test_a_broken_formatter_costs_lines_only(tmp_path: Path, make: Make) -> None:
    class Broken(logging.Formatter):
        def format(self, record: logging.LogRecord) -> str:
            raise KeyError(record.name)

    handler = make(tmp_path / "agent.log")
    handler.setFormatter(Broken())
    handler.handle(record("lost"))
    handler.setFormatter(None)
    handler.handle(record("found"))
    assert [line[:11] for line in lines_of(handler.path)] == ["1 line lost", "found"]
