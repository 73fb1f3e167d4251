"""Saves that every platform knows, and what must not count as one."""

import asyncio
import os
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from ground2cloud.reload.directories import Directories
from ground2cloud.reload.settle import Rules
from ground2cloud.reload.watch import FileWatch
from tests.integration.reload.conftest import Watcher
from tests.lab.waiting import eventually


async def test_a_save_in_place_is_noticed_once(watcher: Watcher, config: Path) -> None:
    watcher.start(config)
    config.write_text("one = 2\n")
    assert await watcher.calls_until_now(config) == ["agent.toml"]


async def test_a_file_put_in_place_of_the_other_is_noticed_once(
    watcher: Watcher, config: Path
) -> None:
    watcher.start(config)
    new = config.with_name("agent.toml.new")
    new.write_text("one = 2\n")
    new.replace(config)
    assert await watcher.calls_until_now(config) == ["agent.toml"]


async def test_a_file_moved_here_from_elsewhere_is_noticed_at_once(
    watcher: Watcher, config: Path, tmp_path: Path
) -> None:
    watcher.watch._rules = Rules(close_wait=3600, longest=3600)
    watcher.start(config)
    new = tmp_path / "elsewhere"
    new.write_text("one = 2\n")
    new.replace(config)
    assert await watcher.calls_until_now(config) == ["agent.toml"]


async def test_every_further_save_is_noticed(watcher: Watcher, config: Path) -> None:
    watcher.start(config)
    for number in range(3):
        config.write_text(f"one = {number + 2}\n")
        assert await watcher.calls_until_now(config) == ["agent.toml"]
        config.with_suffix(".new").write_text(f"one = {number + 20}\n")
        config.with_suffix(".new").replace(config)
        assert await watcher.calls_until_now(config) == ["agent.toml"]


async def test_many_saves_in_a_row_are_one_change(
    make_watcher: Callable[..., Watcher], config: Path
) -> None:
    """However slow the machine: Wine's events come up to 2 s late."""
    watcher = make_watcher(poll=3600.0, debounce=2.5)
    watcher.start(config)
    for number in range(20):
        config.write_text(f"one = {number + 2}\n")
        await asyncio.sleep(0.01)
    assert await watcher.calls_until_now(config) == ["agent.toml"]


async def test_a_save_without_change_calls_no_one(watcher: Watcher, config: Path) -> None:
    watcher.start(config)
    config.write_text("one = 1\n")
    os.utime(config, (1, 1))
    new = config.with_suffix(".new")
    new.write_text("one = 1\n")
    new.replace(config)
    assert await watcher.calls_until_now() == []


async def test_a_change_taken_back_before_it_settled_calls_no_one(
    make_watcher: Callable[..., Watcher], config: Path
) -> None:
    watcher = make_watcher(poll=3600.0, debounce=2.5)
    watcher.start(config)
    config.write_text("one = 2\n")
    await asyncio.sleep(0.05)
    config.write_text("one = 1\n")
    assert await watcher.calls_until_now() == []


async def test_what_was_read_before_it_was_taken_back_is_a_change(
    make_watcher: Callable[..., Watcher], config: Path
) -> None:
    watcher = make_watcher(poll=3600.0, debounce=2.5)
    watcher.start(config)
    config.write_text("one = 2\n")
    watcher.watch.reading(config)
    config.write_text("one = 1\n")
    assert await watcher.calls_until_now(config) == ["agent.toml"]


async def test_a_file_that_goes_and_comes_back_the_same_calls_no_one(
    make_watcher: Callable[..., Watcher], config: Path
) -> None:
    watcher = make_watcher(poll=3600.0, debounce=2.5)
    watcher.start(config)
    config.unlink()
    await asyncio.sleep(0.05)
    config.write_text("one = 1\n")
    assert await watcher.calls_until_now() == []


async def test_a_file_that_stays_away_and_comes_back_is_two_changes(
    watcher: Watcher, config: Path
) -> None:
    watcher.start(config)
    config.unlink()
    assert await watcher.calls_until_now(config) == ["agent.toml"]
    config.write_text("one = 1\n")
    assert await watcher.calls_until_now(config) == ["agent.toml"]


async def test_a_file_whose_directories_do_not_exist_yet_is_noticed_when_it_comes(
    watcher: Watcher, tmp_path: Path
) -> None:
    path = tmp_path / "a" / "b" / "id_ed25519"
    watcher.start(path)
    path.parent.parent.mkdir()
    assert await watcher.calls_until_now() == []
    path.parent.mkdir()
    path.write_text("key")
    assert await watcher.calls_until_now(path) == ["id_ed25519"]


async def test_each_file_of_a_set_is_called_for(
    watcher: Watcher, config: Path, tmp_path: Path
) -> None:
    key = tmp_path / "key"
    key.write_text("key")
    watcher.start(config, keys=(key,))
    config.write_text("one = 2\n")
    key.write_text("other key")
    assert sorted(await watcher.calls_until_now(config, key)) == ["agent.toml", "key"]


async def test_another_set_takes_the_place_of_the_first(
    watcher: Watcher, config: Path, tmp_path: Path
) -> None:
    key = tmp_path / "key"
    watcher.start(config)
    watcher.start(keys=(key,))
    config.write_text("one = 2\n")
    assert await watcher.calls_until_now() == []
    key.write_text("key")
    assert await watcher.calls_until_now(key) == ["key"]


async def test_a_change_not_yet_settled_survives_another_set(
    watcher: Watcher, config: Path, tmp_path: Path
) -> None:
    """The callback of one file may bring others into the set while this one is being saved."""
    watcher.start(config)
    config.write_text("one = 2\n")
    watcher.start(config, keys=(tmp_path / "key",))
    assert await watcher.calls_until_now(config) == ["agent.toml"]


async def test_what_no_event_tells_of_is_found_by_the_poll(
    make_watcher: Callable[..., Watcher], config: Path
) -> None:
    """The directory is renamed away with its contents: none of the watched ones hears of it."""
    watcher = make_watcher(poll=0.2)
    watcher.start(config)
    config.parent.rename(config.parent.with_name("old"))
    config.parent.mkdir()
    config.write_text("one = 2\n")
    await watcher.calls_until_now(config)
    config.write_text("one = 3\n")
    assert await watcher.calls_until_now(config) == ["agent.toml"]


async def test_a_poll_that_fails_is_not_the_last(
    make_watcher: Callable[..., Watcher], config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    raised: list[BaseException] = []
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda _, context: raised.append(context["exception"]))
    watcher = make_watcher(poll=0.05)
    watcher.start(config)

    def no_thread(*_: object) -> bool:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(Directories, "watch", no_thread)
    await eventually(lambda: len(raised) > 1, what="another poll after one that failed")


async def test_an_error_of_the_callback_does_not_end_the_watch(config: Path) -> None:
    loop = asyncio.get_running_loop()
    raised: list[BaseException] = []
    loop.set_exception_handler(lambda _, context: raised.append(context["exception"]))

    def fail(path: Path) -> None:
        raise ValueError(path.name)

    watch = FileWatch(loop, fail, poll=3600.0)
    try:
        watch.watch([config])
        config.write_text("one = 2\n")
        await eventually(lambda: len(raised) == 1, what="the first error")
        config.write_text("one = 3\n")
        await eventually(lambda: len(raised) == 2, what="the second error")
    finally:
        watch.close()
    assert [str(error) for error in raised] == ["agent.toml", "agent.toml"]


async def test_closing_leaves_no_thread_and_calls_no_one(
    make_watcher: Callable[..., Watcher], config: Path
) -> None:
    before = set(threading.enumerate())
    watcher = make_watcher()
    watcher.start(config)
    assert set(threading.enumerate()) - before
    config.write_text("one = 2\n")
    watcher.watch.close()
    assert not set(threading.enumerate()) - before
    await asyncio.sleep(0.5)
    assert watcher.calls == []


async def test_a_watch_that_never_watched_has_no_thread() -> None:
    before = set(threading.enumerate())
    watch = FileWatch(asyncio.get_running_loop(), print)
    assert not set(threading.enumerate()) - before
    watch.close()
