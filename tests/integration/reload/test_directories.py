"""Which events wake the program at all."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from ground2cloud.reload.directories import Directories
from ground2cloud.reload.settle import Touch
from tests.lab.waiting import wait_until

Posted = list[tuple[str, Touch]]


@pytest.fixture
def posted() -> Posted:
    return []


@pytest.fixture
def directories(posted: Posted) -> Iterator[Directories]:
    watching = Directories(lambda name, touch: posted.append((Path(name).name, touch)), pytest.fail)
    yield watching
    watching.close()


def removed(posted: Posted, path: Path) -> Posted:
    """Remove the file and return all that was posted until that was told of."""
    path.unlink()
    wait_until(lambda: (path.name, Touch.COMPLETE) in posted, what="the event of the removal")
    return posted


def test_reading_a_file_wakes_no_one(
    directories: Directories, posted: Posted, config: Path
) -> None:
    directories.watch(frozenset({config}))
    for _ in range(5):
        config.read_text()
        list(config.parent.iterdir())
    assert removed(posted, config) == [("agent.toml", Touch.COMPLETE)]


def test_what_happens_to_a_neighbour_wakes_no_one(
    directories: Directories, posted: Posted, config: Path
) -> None:
    directories.watch(frozenset({config}))
    log = config.with_name("agent.log")
    log.write_text("a line\n")
    log.replace(log.with_suffix(".1"))
    (config.parent / "directory").mkdir()
    log.with_suffix(".1").unlink()
    assert removed(posted, config) == [("agent.toml", Touch.COMPLETE)]


def test_a_directory_no_longer_wanted_is_not_watched(
    directories: Directories, posted: Posted, config: Path, tmp_path: Path
) -> None:
    other = tmp_path / "other"
    other.write_text("")
    assert directories.watch(frozenset({config}))
    assert directories.watch(frozenset({other}))
    config.unlink()
    assert removed(posted, other) == [("other", Touch.COMPLETE)]


def test_watching_the_same_again_changes_nothing(directories: Directories, config: Path) -> None:
    assert directories.watch(frozenset({config}))
    assert not directories.watch(frozenset({config}))
    assert not directories.watch(frozenset({config, config.with_name("known_hosts")}))


def test_a_missing_directory_is_watched_as_soon_as_it_exists(
    directories: Directories, posted: Posted, tmp_path: Path
) -> None:
    path = tmp_path / "later" / "key"
    assert not directories.watch(frozenset({path}))
    path.parent.mkdir()
    path.write_text("key")
    assert directories.watch(frozenset({path}))
    assert removed(posted, path)[-1] == ("key", Touch.COMPLETE)


def test_another_directory_under_the_same_path_is_watched_instead(
    directories: Directories, posted: Posted, config: Path
) -> None:
    """No event tells of it: the path is the same, and the old directory lives on elsewhere."""
    directories.watch(frozenset({config}))
    config.parent.rename(config.parent.with_name("old"))
    config.parent.mkdir()
    config.write_text("one = 2\n")
    assert directories.watch(frozenset({config}))
    # On Windows a watch that ends may say that its directory is gone.
    gone = ("etc", Touch.COMPLETE)
    assert set(removed(posted, config)) - {gone} == {("agent.toml", Touch.COMPLETE)}
