"""Other files for a living child: checked first, then put in place, then told; never a lost run.

The child is a tiny script that says the content of its file at its start and at each SIGHUP.
"""

import asyncio
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import psutil
import pytest

from ground2cloud.core.spec import ChildSpec, Prepared
from ground2cloud.rendering.atomic import write_atomic
from tests.integration.core.fakes import QUICK, FakeObserver, Watched
from tests.lab.waiting import eventually

READER = """
import signal, sys
def read(*_):
    print("has", open(sys.argv[1]).read(), file=sys.stderr, flush=True)
signal.signal(signal.SIGHUP, read)
read()
print("READY", file=sys.stderr, flush=True)
while True:
    signal.pause()
"""

CHECK = """
import sys, time
text = open(sys.argv[1]).read()
time.sleep(0.1)
if "bad" in text:
    sys.exit("line 1: bad")
"""


DEAF = """
import signal, sys, time
def read(*_):
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    print("has", open(sys.argv[1]).read(), file=sys.stderr, flush=True)
    time.sleep(0.5)
    signal.signal(signal.SIGHUP, read)
print("READY", file=sys.stderr, flush=True)
read()
while True:
    time.sleep(1)
"""
"""Hears no signal for half a second behind each reading, as sshd and HAProxy do for less."""


class Files:
    """What the child shall read next, and where; `checks` counts what was checked."""

    def __init__(self, directory: Path) -> None:
        self.good = directory / "good"
        self.candidate = directory / "candidate"
        self.wanted = "one"
        self.prepared = 0
        self.script = READER
        self.reloads = 0

    async def prepare(self) -> Prepared:
        self.prepared += 1
        wanted = self.wanted
        write_atomic(self.candidate, wanted)
        return Prepared(
            argv=(sys.executable, "-c", self.script, str(self.good)),
            check_argv=(sys.executable, "-c", CHECK, str(self.candidate)),
            changed=not self.good.exists() or self.good.read_text() != wanted,
            install=lambda: self.candidate.replace(self.good) and None,
        )

    def spec(self) -> ChildSpec:
        return ChildSpec(
            name="child",
            prepare=self.prepare,
            observe=lambda: Counting(self),
            limits=QUICK,
            reload_signal=signal.SIGHUP,
            reloads=(lambda: self.reloads) if self.script == DEAF else None,
        )


class Counting(FakeObserver):
    """Counts how often the child has read its file."""

    def __init__(self, files: Files) -> None:
        self._files = files

    def line(self, text: str) -> bool:
        self._files.reloads += text.startswith("has ")
        return super().line(text)


@pytest.fixture
def files(tmp_path: Path) -> Files:
    return Files(tmp_path)


@pytest.fixture
async def watched(files: Files) -> AsyncIterator[Watched]:
    others = set(psutil.Process().children())  # a database that tests of this worker share
    it = Watched()
    it.supervisor.start(files.spec())
    await until(it, "ready")
    yield it
    await it.supervisor.close()
    assert set(psutil.Process().children()) <= others


async def until(it: Watched, state: str, times: int = 1) -> None:
    await eventually(lambda: it.count(state) >= times, timeout=15, what=f"{times} times {state}")


async def heard(it: Watched, line: str) -> None:
    await eventually(lambda: line in it.lines, timeout=15, what=f"{line!r}, heard {it.lines}")


def pid_of(it: Watched) -> int:
    run = it.supervisor.run_of("child")
    assert run is not None
    assert run.pid is not None
    return run.pid


async def test_a_living_child_takes_up_other_files(watched: Watched, files: Files) -> None:
    first = pid_of(watched)
    files.wanted = "two"
    assert await watched.supervisor.reload("child") is None
    await heard(watched, "has two")
    assert pid_of(watched) == first
    assert watched.states[-1] == "ready"


async def test_bad_files_leave_the_old_ones_and_the_old_process(
    watched: Watched, files: Files
) -> None:
    files.wanted = "bad"
    verdict = await watched.supervisor.reload("child")
    assert verdict is not None
    assert verdict.reason == "config-bad"
    assert verdict.evidence.strip() == "line 1: bad"
    assert files.good.read_text() == "one"
    assert watched.states[-1] == "ready"
    files.wanted = "three"
    assert await watched.supervisor.reload("child") is None
    await heard(watched, "has three")
    assert "has bad" not in watched.lines


async def test_files_that_are_the_same_are_told_to_nobody(watched: Watched, files: Files) -> None:
    assert await watched.supervisor.reload("child") is None
    files.wanted = "two"
    assert await watched.supervisor.reload("child") is None
    await heard(watched, "has two")
    assert watched.lines.count("has one") == 1


async def test_many_changes_at_once_end_with_the_last_one(watched: Watched, files: Files) -> None:
    before = files.prepared
    reloads = []
    for number in range(20):
        files.wanted = f"number {number}"
        reloads.append(asyncio.create_task(watched.supervisor.reload("child")))
        await asyncio.sleep(0)
    assert set(await asyncio.gather(*reloads)) == {None}
    await heard(watched, "has number 19")
    assert files.good.read_text() == "number 19"
    assert files.prepared - before <= 3


async def test_files_that_change_while_it_starts_are_taken_up(
    watched: Watched, files: Files
) -> None:
    psutil.Process(pid_of(watched)).kill()
    await until(watched, "starting", 2)
    files.wanted = "two"
    assert await watched.supervisor.reload("child") is None
    await heard(watched, "has two")


async def test_a_child_that_dies_meanwhile_comes_back_with_the_new_files(
    watched: Watched, files: Files
) -> None:
    files.wanted = "two"
    reload = asyncio.create_task(watched.supervisor.reload("child"))
    await asyncio.sleep(0.05)  # in the middle of the check
    psutil.Process(pid_of(watched)).kill()
    assert await reload is None
    await until(watched, "ready", 2)
    await heard(watched, "has two")


async def test_new_files_free_a_child_that_is_blocked_by_bad_ones(
    watched: Watched, files: Files
) -> None:
    files.wanted = "bad"
    psutil.Process(pid_of(watched)).kill()
    await until(watched, "blocked")
    files.wanted = "two"
    assert await watched.supervisor.reload("child") is None
    await until(watched, "ready", 2)
    await heard(watched, "has two")


async def test_a_signal_is_never_lost_on_a_child_that_does_not_hear_for_a_moment(
    files: Files,
) -> None:
    files.script = DEAF
    it = Watched()
    it.supervisor.start(files.spec())
    try:
        await until(it, "ready")
        await heard(it, "has one")
        for wanted in ("two", "three"):
            files.wanted = wanted
            assert await it.supervisor.reload("child") is None
            assert it.lines[-1] == f"has {wanted}"
        assert it.states[-1] == "ready"
    finally:
        await it.supervisor.close()
