"""The loop with real processes: started, brought back, blocked, ended, none left over."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from ground2cloud.core.clock import monotonic
from ground2cloud.core.spec import ChildSpec, Limits, Prepared
from ground2cloud.core.supervise import Supervisor
from tests.integration.core.fakes import ECHO, FOREVER, LEAVES_ONE, QUICK, READY, Watched, spec
from tests.lab.waiting import eventually


@pytest.fixture
async def watched() -> AsyncIterator[Watched]:
    others = set(psutil.Process().children())  # a database that tests of this worker share
    it = Watched()
    yield it
    await it.supervisor.close()
    assert set(psutil.Process().children()) <= others


async def until(it: Watched, state: str, times: int = 1) -> None:
    await eventually(
        lambda: it.count(state) >= times, timeout=15, what=f"{times} times {state}, saw {it.states}"
    )


def pid_of(supervisor: Supervisor, name: str = "child") -> int:
    run = supervisor.run_of(name)
    assert run is not None
    assert run.pid is not None
    return run.pid


def preparing(wait: Callable[[], Awaitable[object]], limits: Limits = QUICK) -> ChildSpec:
    """A child that waits for something before each run."""

    async def prepare() -> Prepared:
        await wait()
        return Prepared(argv=(sys.executable, "-c", FOREVER))

    return replace(spec(FOREVER, limits=limits), prepare=prepare)


async def test_a_killed_child_comes_back(watched: Watched) -> None:
    watched.supervisor.start(spec(FOREVER))
    await until(watched, "ready")
    first = pid_of(watched.supervisor)
    psutil.Process(first).kill()
    await until(watched, "ready", 2)
    assert pid_of(watched.supervisor) != first
    assert watched.supervisor.child("child").restarts == 1


async def test_the_end_of_a_child_is_seen_though_its_own_child_holds_its_pipes(
    watched: Watched, tmp_path: Path
) -> None:
    """As ssh's ProxyCommand may, which outlives an ssh that was killed."""
    note = tmp_path / "pids"
    code = LEAVES_ONE + f"open({str(note)!r}, 'a').write(f'{{left.pid}} '); " + READY
    watched.supervisor.start(spec(code))
    try:
        await until(watched, "ready", 2)
    finally:
        await watched.supervisor.close()
        for pid in note.read_text().split():
            psutil.Process(int(pid)).kill()


async def test_a_permanent_end_blocks_until_something_changed(watched: Watched) -> None:
    slow = Limits(blocked_retry=60.0)
    watched.supervisor.start(spec("import sys; sys.exit(77)", limits=slow))
    await until(watched, "blocked")
    watched.supervisor.changed("child")
    await until(watched, "blocked", 2)


async def test_a_blocked_child_is_retried_slowly(watched: Watched) -> None:
    watched.supervisor.start(spec("import sys; sys.exit(77)"))
    await until(watched, "blocked", 2)


async def test_files_that_the_check_refuses_never_start_the_child(watched: Watched) -> None:
    words = "import sys; sys.exit('line 3: nonsense')"
    watched.supervisor.start(spec(FOREVER, check=words))
    await until(watched, "blocked")
    verdict = watched.supervisor.child("child").verdict
    assert verdict is not None
    assert verdict.reason == "config-bad"
    assert "line 3: nonsense" in verdict.evidence
    assert "ready" not in watched.states


async def test_a_check_is_run_again_only_when_the_files_changed(
    watched: Watched, tmp_path: Path
) -> None:
    count = tmp_path / "count"
    note = f"open({str(count)!r}, 'a').write('x')"
    watched.supervisor.start(spec(FOREVER, check=note))
    for times in (1, 2, 3):
        await until(watched, "ready", times)
        psutil.Process(pid_of(watched.supervisor)).kill()
    await until(watched, "ready", 4)
    assert count.read_text() == "x"


async def test_files_that_can_not_be_written_are_tried_again(watched: Watched) -> None:
    attempts = []

    def prepare() -> bool:
        attempts.append(1)
        if len(attempts) < 3:
            raise OSError(28, "No space left on device", "ssh_config")
        return True

    watched.supervisor.start(spec(FOREVER, prepare=prepare))
    await until(watched, "ready")
    assert watched.reasons[0] == "files-unwritable"
    assert len(attempts) == 3


async def test_a_missing_program_blocks_with_a_clear_reason(watched: Watched) -> None:
    watched.supervisor.start(spec("", program="/nonexistent/program"))
    await until(watched, "blocked")
    assert watched.reasons[0] == "program-missing"


async def test_a_child_that_is_never_ready_is_ended(watched: Watched) -> None:
    hasty = Limits(QUICK.backoff, start_timeout=0.3, stop_timeout=0.3)
    watched.supervisor.start(spec("import time; time.sleep(60)", limits=hasty))
    await until(watched, "backoff")
    assert watched.reasons[0] == "not-ready"


async def test_a_heartbeat_measures_the_round_trip(watched: Watched) -> None:
    began = monotonic()
    watched.supervisor.start(spec(ECHO, heartbeat=0.1, limits=Limits(QUICK.backoff, dead_after=60)))
    await until(watched, "ready")
    run = watched.supervisor.run_of("child")
    assert run is not None
    await eventually(lambda: run.heartbeat.round_trip is not None, what="echo")
    assert run.heartbeat.round_trip is not None
    assert 0 < run.heartbeat.round_trip < monotonic() - began


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGSTOP")
@pytest.mark.parametrize("heartbeat", [0.1, None])
async def test_a_frozen_child_is_replaced(watched: Watched, heartbeat: float | None) -> None:
    """By its heartbeat where it echoes, by its process state where it doesn't."""
    watched.supervisor.start(spec(ECHO, heartbeat=heartbeat))
    await until(watched, "ready")
    run = watched.supervisor.run_of("child")
    if heartbeat is not None:
        assert run is not None
        await eventually(lambda: run.heartbeat.answered_at is not None, what="echo")
    os.kill(pid_of(watched.supervisor), signal.SIGSTOP)
    await until(watched, "ready", 2)
    assert "link-dead" in watched.reasons


async def test_a_child_that_does_not_answer_three_times_is_replaced(watched: Watched) -> None:
    answers = iter([False, False, True, True, False, False, False])

    async def ask() -> bool:
        return next(answers, True)

    watched.supervisor.start(spec(FOREVER, answers=ask))
    await until(watched, "ready", 2)
    assert watched.reasons[-1] == "not-answering"
    assert next(answers, None) is None, "twice is not enough"


async def test_waking_up_finds_a_dead_link_sooner_than_the_heartbeat_would(
    watched: Watched,
) -> None:
    deaf = READY + "l = sys.stdin.readline(); sys.stdout.write(l); sys.stdout.flush(); "
    deaf += "import time; time.sleep(60)"
    patient = Limits(QUICK.backoff, dead_after=60.0, probe_timeout=0.3)
    watched.supervisor.start(spec(deaf, limits=patient, heartbeat=0.1))
    await until(watched, "ready")
    run = watched.supervisor.run_of("child")
    assert run is not None
    await eventually(lambda: run.heartbeat.answered_at is not None, what="echo")
    await asyncio.sleep(0.2)  # one more beat goes out, and is never answered
    watched.supervisor.wake()
    await until(watched, "ready", 2)
    assert "link-dead" in watched.reasons


async def test_a_child_that_ignores_the_polite_end_is_ended_hard(watched: Watched) -> None:
    deaf = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); " + FOREVER
    watched.supervisor.start(spec(deaf))
    await until(watched, "ready")
    pid = pid_of(watched.supervisor)
    await asyncio.wait_for(watched.supervisor.stop("child"), 30)
    assert not psutil.pid_exists(pid)
    assert watched.states[-2:] == ["draining", "stopped"]


async def test_stopping_while_it_starts_leaves_nothing(watched: Watched) -> None:
    watched.supervisor.start(spec(FOREVER, check="import time; time.sleep(0.2)"))
    await asyncio.wait_for(watched.supervisor.stop("child"), 30)
    assert watched.states[-1] == "stopped"


async def test_a_child_that_is_started_anew_while_it_ends_stays(watched: Watched) -> None:
    watched.supervisor.start(spec(FOREVER))
    await until(watched, "ready")
    ending = asyncio.create_task(watched.supervisor.stop("child"))
    await asyncio.sleep(0)
    assert watched.states[-1] == "draining"
    watched.supervisor.start(spec(FOREVER))
    await asyncio.wait_for(ending, 15)
    await until(watched, "ready", 2)


async def test_a_child_whose_turn_comes_late_is_started_all_the_same(watched: Watched) -> None:
    hasty = Limits(QUICK.backoff, start_timeout=2.0, stop_timeout=0.5)
    watched.supervisor.start(preparing(lambda: asyncio.sleep(2.5), hasty))
    await until(watched, "ready")


async def test_nobody_waits_for_the_preparations_of_a_child_that_is_to_end(
    watched: Watched,
) -> None:
    began, never = asyncio.Event(), asyncio.Event()

    def wait() -> Awaitable[object]:
        began.set()
        return never.wait()

    watched.supervisor.start(preparing(wait))
    await asyncio.wait_for(began.wait(), 15)
    watched.supervisor.restart("child")
    try:
        await until(watched, "starting", 2)
        await asyncio.wait_for(watched.supervisor.stop("child"), 15)
    finally:
        never.set()
    assert watched.states[-1] == "stopped"


async def test_files_whose_check_was_cut_off_are_checked_by_the_next_run(
    watched: Watched, tmp_path: Path
) -> None:
    count, hangs = tmp_path / "count", tmp_path / "hangs"
    note = f"open({str(count)!r}, 'a').write('x')\nimport os, time\n"
    note += f"while os.path.exists({str(hangs)!r}): time.sleep(0.02)"
    changes = [True, True]
    watched.supervisor.start(
        spec(FOREVER, check=note, prepare=lambda: bool(changes) and changes.pop())
    )
    await until(watched, "ready")
    hangs.touch()
    watched.supervisor.restart("child")
    await eventually(lambda: count.read_text() == "xx", timeout=15, what="the second check")
    watched.supervisor.restart("child")
    await eventually(lambda: count.read_text() == "xxx", timeout=15, what="the third check")
    hangs.unlink()
    await until(watched, "ready", 2)


async def test_a_new_specification_replaces_the_run(watched: Watched) -> None:
    watched.supervisor.start(spec(FOREVER))
    await until(watched, "ready")
    watched.supervisor.start(spec("import sys; print('second', file=sys.stderr)\n" + FOREVER))
    await until(watched, "ready", 2)
    assert "second" in watched.lines


async def test_a_flood_of_hostile_words_does_not_stall_the_child(watched: Watched) -> None:
    """A megabyte without a newline and bad UTF-8: the child still gets to its READY."""
    flood = "import sys; e = sys.stderr.buffer; e.write(b'\\xff' * 2**20 + b'\\n' * 1000); "
    watched.supervisor.start(spec(flood + "e.flush(); " + FOREVER))
    await until(watched, "ready")
    assert max(len(line) for line in watched.lines) < 9000


async def test_a_line_that_the_observer_fails_on_ends_nothing(watched: Watched) -> None:
    def broken(_line: str) -> bool:
        raise ValueError("a defect")

    watched.supervisor.start(spec(FOREVER))
    await until(watched, "ready")
    run = watched.supervisor.run_of("child")
    assert run is not None
    assert run.observer is not None
    run.observer.line = broken  # type: ignore[method-assign] # a defect, made on purpose
    run._hear("anything")
    assert watched.states[-1] == "ready"
