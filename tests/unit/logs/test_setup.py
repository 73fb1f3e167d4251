"""The owner of the log: who gets in, how it changes while the program runs, how it is left."""

import json
import logging
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ground2cloud.config.model import Log
from ground2cloud.logs.rotate import numbered
from ground2cloud.logs.setup import Owner, configure
from tests.lab.log_records import Settings, history, lines_of

Configure = Callable[[Settings], Owner]
OURS = logging.getLogger("ground2cloud.core.run")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "agent.log"


@pytest.fixture
def own(path: Path) -> Iterator[Configure]:
    """Configure the log of this process for the time of a test."""
    owners = []

    def make(settings: Settings) -> Owner:
        owners.append(configure(settings, path, stderr=False))
        return owners[-1]

    yield make
    for owner in owners:
        owner.close()


def sentences(path: Path) -> list[str]:
    """The lines without their time."""
    return [line[25:] for line in lines_of(path)]


def test_the_configuration_file_s_section_is_what_the_log_needs(path: Path) -> None:
    owner = configure(Log(), path, stderr=False)
    OURS.info("ready")
    owner.close()
    assert sentences(path) == ["INFO  ready"]


def test_our_records_pass_from_their_level_on_and_others_from_warning_on(
    path: Path, own: Configure
) -> None:
    own(Settings(level="debug"))
    OURS.debug("ours")
    for name in ("asyncio", "aiohttp.access", "watchdog"):
        logging.getLogger(name).info("quiet")
        logging.getLogger(name).warning("loud")
    assert sentences(path) == [
        "DEBUG ours",
        "WARN  asyncio: loud",
        "WARN  aiohttp.access: loud",
        "WARN  watchdog: loud",
    ]


@pytest.mark.parametrize(
    ("level", "count"), [("debug", 4), ("info", 3), ("warning", 2), ("error", 1)]
)
def test_the_level_is_the_least_that_is_written(
    path: Path, own: Configure, level: str, count: int
) -> None:
    own(Settings(level=level))
    for number in (logging.DEBUG, logging.INFO, logging.WARNING, logging.ERROR):
        OURS.log(number, "x")
    logging.getLogger("asyncio").warning("x")
    assert len(lines_of(path)) == count + (level != "error")


def test_python_s_own_warnings_are_one_line_each(path: Path, own: Configure) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        own(Settings())
        warnings.warn("old ways", UserWarning, stacklevel=1)
    (line,) = sentences(path)
    assert line.startswith("WARN  py.warnings: ")
    assert "UserWarning: old ways" in line


def test_an_edit_of_level_and_format_holds_from_the_next_record_on(
    path: Path, own: Configure
) -> None:
    owner = own(Settings())
    OURS.debug("hidden")
    OURS.info("text")
    owner.apply(Settings(level="debug", format="json"), path)
    OURS.debug("shown", extra={"event": "x"})
    owner.apply(Settings(level="error"), path)
    OURS.info("hidden")
    first, second = lines_of(path)
    assert first.endswith(" INFO  text")
    entry = json.loads(second)
    assert (entry["level"], entry["event"], entry["msg"]) == ("debug", "x", "shown")


def test_an_edit_of_the_sizes_holds_from_the_next_record_on(path: Path, own: Configure) -> None:
    owner = own(Settings())
    for number in range(10):
        OURS.info("record %d", number)
    owner.apply(Settings(max_size=1, keep=1), path)
    OURS.info("alone")
    OURS.info("and again")
    assert sentences(path) == ["INFO  and again"]
    assert sentences(numbered(path, 1)) == ["INFO  alone"]
    assert not numbered(path, 2).exists()


def test_an_edit_of_the_file_moves_the_log_without_losing_a_record(
    path: Path, own: Configure
) -> None:
    owner = own(Settings())
    other = path.with_name("other") / "agent.log"
    OURS.info("one")
    owner.apply(Settings(), other)
    OURS.info("two")
    assert owner.file == other
    assert sentences(path) == ["INFO  one", f"INFO  the log goes on in {other}"]
    assert sentences(other) == ["INFO  two"]


def test_a_file_that_cannot_be_opened_is_reported_and_the_log_stays(
    path: Path, own: Configure
) -> None:
    owner = own(Settings())
    OURS.info("one")
    owner.apply(Settings(level="debug", max_size=1), path / "below a file")
    OURS.debug("two")
    assert owner.file == path
    assert len(lines_of(path)) == 1
    first, second, third = (line[25:] for line in history(path, 3))
    assert first == "INFO  one"
    assert second.startswith(f"ERROR {path / 'below a file'} can't be opened: ")
    assert second.endswith(f"; the log stays in {path}")
    assert third == "DEBUG two"


def test_trouble_says_what_is_lost_until_the_log_could_tell(path: Path, own: Configure) -> None:
    path.mkdir()
    owner = own(Settings())
    assert owner.trouble == ""
    OURS.info("lost")
    OURS.info("lost")
    assert owner.trouble.startswith("2 lines lost between 20")
    path.rmdir()
    owner.settle()
    assert owner.trouble == ""
    (line,) = sentences(path)
    assert line.startswith("WARN  2 lines lost between 20")


def test_close_leaves_logging_as_it_was(path: Path) -> None:
    root = logging.getLogger()
    before = (root.handlers[:], root.level, warnings.showwarning)
    owner = configure(Settings(level="debug"), path, stderr=False)
    assert (root.handlers[:], root.level, warnings.showwarning) != before
    owner.close()
    owner.close()
    assert (root.handlers[:], root.level, warnings.showwarning) == before
    assert not OURS.isEnabledFor(logging.DEBUG)
    OURS.error("nobody's")
    assert not path.exists()
