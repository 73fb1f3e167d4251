"""Saves as the tools of POSIX make them: vim, sed, slow writers, links, modes."""

import asyncio
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from ground2cloud.reload.settle import Rules
from tests.integration.reload.conftest import Watcher
from tests.lab.waiting import eventually

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the tools are POSIX's own")


def run(*argv: str | Path) -> None:
    subprocess.run(argv, check=True, timeout=20, stdin=subprocess.DEVNULL, capture_output=True)


@pytest.mark.parametrize("backup", ["backupcopy=no backup", "backupcopy=no", "backupcopy=yes"])
async def test_a_save_of_vim_is_noticed_once(watcher: Watcher, config: Path, backup: str) -> None:
    """With backupcopy=no vim renames the old file away and writes a new one."""
    watcher.start(config)
    for number in (2, 3):
        edit = f"%s/one = ./one = {number}/"
        await asyncio.to_thread(
            run, "vim", "-es", "-u", "NONE", "-c", f"set {backup}", "-c", edit, "-c", "wq", config
        )
        assert config.read_text() == f"one = {number}\n"
        assert await watcher.calls_until_now(config) == ["agent.toml"]


async def test_a_save_of_sed_is_noticed_once(watcher: Watcher, config: Path) -> None:
    watcher.start(config)
    run("sed", "-i", "s/1/2/", config)
    assert await watcher.calls_until_now(config) == ["agent.toml"]


async def test_a_slow_writer_is_noticed_once_and_after_its_end(
    watcher: Watcher, config: Path
) -> None:
    """The pauses are longer than the debounce: only "closed" tells the end."""
    watcher.watch._rules = Rules(close_wait=3600, longest=3600)
    watcher.start(config)
    await watcher.calls_until_now()  # the look that a new watch takes may find it half-written
    writer = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", SLOW_WRITER, config, "w"),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert writer.stdout is not None
    assert await writer.stdout.readline() == b"written\n"
    assert watcher.calls == []
    await writer.communicate(b"end\n")
    assert await watcher.calls_until_now(config) == ["agent.toml"]


async def test_a_slow_writer_of_a_new_file_is_noticed_once_and_after_its_end(
    watcher: Watcher, config: Path
) -> None:
    config.unlink()
    watcher.start(config)
    await watcher.calls_until_now()  # as above
    writer = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", SLOW_WRITER, config, "x"),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    await writer.communicate(b"end\n")
    assert await watcher.calls_until_now(config) == ["agent.toml"]


SLOW_WRITER = """
import os, sys, time
with open(sys.argv[1], sys.argv[2]) as file:
    for number in range(3):
        time.sleep(0.45)
        file.write(f"line{number} = {number}\\n")
        file.flush()
    print("written", flush=True)
    sys.stdin.readline()
    os._exit(0)  # the end of the process is the end of the writing, whoever measures coverage
"""


async def test_a_writer_that_never_closes_is_looked_at_all_the_same(
    watcher: Watcher, config: Path
) -> None:
    watcher.start(config)
    with config.open("w") as file:
        file.write("one = 2\n")
        file.flush()
        begin = time.monotonic()
        await eventually(lambda: watcher.calls, what="the call")
        assert time.monotonic() - begin > 4.5


async def test_a_configuration_mounted_by_kubernetes_is_noticed_when_it_is_swapped(
    watcher: Watcher, tmp_path: Path
) -> None:
    """What a ConfigMap update does: a new directory, `..data` renamed over, the old removed."""
    mount = tmp_path / "mount"
    mount.mkdir()
    project(mount, 1)
    config = mount / "agent.toml"
    known_hosts = mount / "known_hosts"
    config.symlink_to("..data/agent.toml")
    known_hosts.symlink_to("..data/known_hosts")
    watcher.start(config, known_hosts)
    for number in (2, 3):
        project(mount, number)
        assert config.read_text() == f"one = {number}\n"
        assert await watcher.calls_until_now(config) == ["agent.toml"]


def project(mount: Path, number: int) -> None:
    directory = mount / f"..2026_{number}"
    directory.mkdir()
    (directory / "agent.toml").write_text(f"one = {number}\n")
    (directory / "known_hosts").write_text("always the same\n")
    (mount / "..data_tmp").symlink_to(directory.name)
    (mount / "..data_tmp").replace(mount / "..data")
    for old in mount.glob("..2026_*"):
        if old != directory:
            run("rm", "-r", old)


async def test_the_target_of_a_link_is_noticed_when_it_is_edited(
    watcher: Watcher, config: Path, tmp_path: Path
) -> None:
    link = tmp_path / "links" / "link.toml"
    link.parent.mkdir()
    link.symlink_to("second.toml")
    (link.parent / "second.toml").symlink_to(config)
    watcher.start(link)
    config.write_text("one = 2\n")
    assert await watcher.calls_until_now(link) == ["link.toml"]
    run("sed", "-i", "s/2/3/", config)
    assert await watcher.calls_until_now(link) == ["link.toml"]


async def test_a_link_in_the_middle_of_the_path_is_noticed_when_it_is_swapped(
    watcher: Watcher, tmp_path: Path
) -> None:
    """As deployments by release directories do: `current -> releases/2`."""
    for number in (1, 2, 3):
        etc = tmp_path / "releases" / str(number) / "etc"
        etc.mkdir(parents=True)
        (etc / "agent.toml").write_text(f"one = {number}\n")
    current = tmp_path / "current"
    current.symlink_to("releases/1")
    config = current / "etc" / "agent.toml"
    watcher.start(config)
    for number in (2, 3):
        run("ln", "-sfn", f"releases/{number}", current)
        assert await watcher.calls_until_now(config) == ["agent.toml"]
    (tmp_path / "releases" / "3" / "etc" / "agent.toml").write_text("one = 4\n")
    assert await watcher.calls_until_now(config) == ["agent.toml"]


async def test_a_file_replaced_by_a_link_is_noticed(
    watcher: Watcher, config: Path, tmp_path: Path
) -> None:
    watcher.start(config)
    target = tmp_path / "target"
    target.write_text("one = 2\n")
    run("ln", "-sf", target, config)
    assert await watcher.calls_until_now(config) == ["agent.toml"]
    target.write_text("one = 3\n")
    assert await watcher.calls_until_now(config) == ["agent.toml"]


async def test_links_in_a_circle_are_a_missing_file(watcher: Watcher, config: Path) -> None:
    watcher.start(config)
    config.unlink()
    config.symlink_to("other.toml")
    config.with_name("other.toml").symlink_to(config)
    assert await watcher.calls_until_now(config) == ["agent.toml"]
    config.with_name("other.toml").unlink()
    config.with_name("other.toml").write_text("one = 2\n")
    assert await watcher.calls_until_now(config) == ["agent.toml"]


@pytest.mark.parametrize("pause", [0.0, 0.1])
async def test_a_directory_removed_and_made_again_is_watched_again(
    watcher: Watcher, config: Path, pause: float
) -> None:
    """The new directory often has the inode number of the old."""
    watcher.start(config)
    for number in (2, 3, 4):
        run("rm", "-r", config.parent)
        await asyncio.sleep(pause)
        config.parent.mkdir()
        await asyncio.sleep(pause)
        config.write_text(f"one = {number}\n")
        assert await watcher.calls_until_now(config) == ["agent.toml"]
    config.write_text("one = 5\n")
    assert await watcher.calls_until_now(config) == ["agent.toml"]


async def test_a_mode_counts_for_keys_alone(watcher: Watcher, config: Path, tmp_path: Path) -> None:
    key = tmp_path / "key"
    key.write_text("key")
    key.chmod(0o644)
    watcher.start(config, keys=(key,))
    config.chmod(0o640)
    key.chmod(0o600)
    assert await watcher.calls_until_now(key) == ["key"]


async def test_a_pipe_in_place_of_the_file_blocks_no_one(watcher: Watcher, config: Path) -> None:
    watcher.start(config)
    config.unlink()
    os.mkfifo(config)
    assert await watcher.calls_until_now(config) == ["agent.toml"]


async def test_a_directory_in_place_of_the_file_is_a_change(watcher: Watcher, config: Path) -> None:
    watcher.start(config)
    config.unlink()
    config.mkdir()
    assert await watcher.calls_until_now(config) == ["agent.toml"]
