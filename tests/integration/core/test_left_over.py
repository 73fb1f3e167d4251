"""What a killed supervisor leaves: nothing on Linux, and elsewhere what the records end."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from ground2cloud.core.births import birth
from ground2cloud.core.lock import AlreadyRunningError, StateLock
from ground2cloud.core.records import Records
from tests.lab.waiting import wait_until


def write(path: Path, text: str) -> None:
    path.write_text(text)


def sleeper() -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])


def test_a_recorded_child_is_ended_at_the_next_start(tmp_path: Path) -> None:
    child = sleeper()
    Records(tmp_path / "children.json", write).note("lane1", child.pid)
    assert Records(tmp_path / "children.json", write).end_stale() == [("lane1", child.pid)]
    assert child.wait(20) is not None


def test_a_pid_that_belongs_to_somebody_else_by_now_is_left_alone(tmp_path: Path) -> None:
    child = sleeper()
    try:
        record = {"lane1": [child.pid, birth(os.getpid())]}
        (tmp_path / "children.json").write_text(json.dumps(record))
        assert Records(tmp_path / "children.json", write).end_stale() == []
        assert child.poll() is None
    finally:
        child.kill()
        child.wait()


def test_a_record_of_the_form_before_ends_nothing(tmp_path: Path) -> None:
    child = sleeper()
    try:
        (tmp_path / "children.json").write_text(json.dumps({"lane1": [child.pid, 1795342503.12]}))
        assert Records(tmp_path / "children.json", write).end_stale() == []
        assert child.poll() is None
    finally:
        child.kill()
        child.wait()


@pytest.mark.parametrize("content", ["", "{", "[]", '{"a": 1}', '{"a": ["x", "y"]}', "\x00"])
def test_a_damaged_record_ends_nothing_and_raises_nothing(tmp_path: Path, content: str) -> None:
    (tmp_path / "children.json").write_text(content)
    assert Records(tmp_path / "children.json", write).end_stale() == []


def test_a_record_that_can_not_be_written_is_no_reason_to_fail(tmp_path: Path) -> None:
    Records(tmp_path / "missing" / "children.json", write).note("lane1", os.getpid())


@pytest.mark.skipif(sys.platform != "linux", reason="PR_SET_PDEATHSIG is Linux's own")
def test_kill_9_of_the_supervisor_takes_its_child_along() -> None:
    code = """
import asyncio, os, sys
from ground2cloud.core.spawn import spawn
async def main():
    child = await spawn([sys.executable, "-c", "import time; time.sleep(60)"], env=os.environ)
    print(child.pid, flush=True)
    await asyncio.sleep(60)
asyncio.run(main())
"""
    parent = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    with parent.stdout:
        pid = int(parent.stdout.readline())
        os.kill(parent.pid, signal.SIGKILL)
        parent.wait(20)
    wait_until(lambda: not psutil.pid_exists(pid), what="the child's end")


def test_a_second_supervisor_is_refused_and_told_the_first_ones_pid(tmp_path: Path) -> None:
    first = StateLock(tmp_path / "agent.lock")
    first.acquire(4711)
    with pytest.raises(AlreadyRunningError, match="pid 4711"):
        StateLock(tmp_path / "agent.lock").acquire(4712)
    first.release()
    second = StateLock(tmp_path / "agent.lock")
    second.acquire(4712)
    assert (tmp_path / "agent.lock").read_text() == "4712\n"
    second.release()
