"""A process is known by its birth, whatever happens to its number and to the clock."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from ground2cloud.core.births import birth, lives
from ground2cloud.core.records import Records
from tests.lab.waiting import wait_until

Step = Callable[[], None]


@pytest.fixture
def child() -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"]) as process:
        yield process
        process.kill()


@pytest.fixture
def step(child: subprocess.Popen[bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Step:
    """Step the wall clock by an hour, as far as psutil can see.

    It asks the kernel when the machine started, and the kernel reckons that from the time of day.
    """
    kernel, fake = Path("/proc"), tmp_path / "proc"
    fake.mkdir()
    (fake / str(child.pid)).symlink_to(kernel / str(child.pid))
    (fake / "uptime").symlink_to(kernel / "uptime")

    def do() -> None:
        before = psutil.Process(child.pid).create_time()
        lines = (kernel / "stat").read_text().splitlines(keepends=True)
        stepped = [
            f"btime {int(line.split()[1]) + 3600}\n" if line.startswith("btime") else line
            for line in lines
        ]
        (fake / "stat").write_text("".join(stepped))
        monkeypatch.setattr(psutil, "PROCFS_PATH", str(fake))
        assert psutil.Process(child.pid).create_time() - before > 3000

    return do


def test_a_process_lives_until_it_has_ended(child: subprocess.Popen[bytes]) -> None:
    born = birth(child.pid)
    assert born
    assert birth(child.pid) == born
    assert lives(child.pid, born)
    assert not lives(child.pid, birth(psutil.Process().pid) or "")
    child.kill()
    child.wait()
    assert not lives(child.pid, born)
    assert birth(child.pid) is None


@pytest.mark.skipif(sys.platform == "win32", reason="nothing is left of what ended on Windows")
def test_what_nobody_has_waited_for_has_ended_all_the_same(child: subprocess.Popen[bytes]) -> None:
    born = birth(child.pid)
    assert born
    child.kill()
    found = psutil.Process(child.pid)
    wait_until(lambda: found.status() == psutil.STATUS_ZOMBIE, what="its end")
    assert birth(child.pid) == born
    assert not lives(child.pid, born)


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the kernel keeps the time itself")
def test_a_step_of_the_clock_makes_no_other_process_of_it(
    child: subprocess.Popen[bytes], step: Step, tmp_path: Path
) -> None:
    born = birth(child.pid)
    assert born
    record = tmp_path / "children.json"
    Records(record, Path.write_text).note("lane1", child.pid)
    step()
    assert birth(child.pid) == born
    assert lives(child.pid, born)
    assert Records(record, Path.write_text).end_stale() == [("lane1", child.pid)]
