"""`ground2cloud demo`: the whole picture, for whoever starts it; and nothing is left of it."""

import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path

import psutil
import pytest

from tests.lab.ordinary import NAME, as_ordinary_user, as_root_of_all
from tests.lab.processes import descendants, end_child, for_each, is_alive, kill_all
from tests.lab.waiting import wait_until

# Each waits for a whole demo, which takes ten seconds by itself and a minute on a busy machine.
pytestmark = pytest.mark.timeout(180)

PROGRAM = (sys.executable, "-P", "-m", "ground2cloud", "demo")
ROOT = os.geteuid() == 0
needs_root = pytest.mark.skipif(not ROOT, reason="is about what root's demo does")

BEATS = (
    r"✓ up: sshd :\d+, router :\d+, backchannel :\d+  after [\d.]+ s",
    r"\$ ground2cloud register g2c1-\S{7}…",
    r"registered as 1001 \(accounting, Bern\) at 127\.0\.0\.1",
    r"✓ the tunnel is up  after [\d.]+ s",
    r"401 no-key",
    r"✓ 200 hello from quickbooks  in \d+ ms",
    r"server_version",
    r"✓ PostgreSQL answers its client",
    r"\$ kill -9 \d+",
    r"✓ 200 hello from quickbooks  [\d.]+ s after the kill",
    r"WARN  lane 1 lost: ssh was killed \(SIGKILL\)",
    r"\$ sed -i 's/port = \d+/port = \d+/' agent\.toml",
    r"✓ 200 hello from quickbooks, on its other port  [\d.]+ s after the save",
    r"Ground2Cloud \S+: 2/2 up",
    r"1001  accounting, Bern  active  1 ",
    r"✓ stopped, no process is left  in [\d.]+ s",
    r"All of it happened, in [\d.]+ s\. Nothing is left of it\.",
)
"""What is seen, in this order."""


PLACE = re.compile(r"/tmp/g2c-demo-\w+")  # noqa: S108 - nothing is made there


class Demo:
    """A demo that was started. Its output goes to a file, so that it never waits for a reader."""

    def __init__(self, argv: Sequence[str], output: Path, **environment: str) -> None:
        self._output = output
        with output.open("wb") as file:
            self.process = subprocess.Popen(
                argv,
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=file,
                env={**os.environ, "PYTHONIOENCODING": "utf-8", **environment},
            )

    @property
    def said(self) -> str:
        """What it has said until now."""
        return self._output.read_text("utf-8", "replace")

    def wait_for(self, words: str) -> None:
        """Wait until it has said this."""

        def look() -> bool:
            assert self.process.poll() is None, self.said
            return words in self.said

        wait_until(look, timeout=80, what=words)

    def end(self) -> int:
        """Wait for its end; answer its exit code."""
        try:
            return self.process.wait(80)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"no end:\n{self.said}") from None

    def started(self) -> list[psutil.Process]:
        """All that it has started and that runs."""
        return descendants(self.process.pid)

    def kill(self) -> None:
        """End it if it runs; hard, and all that it has started, where a request is not enough."""
        if self.process.poll() is None:
            started = self.started()
            end_child(self.process)
            kill_all(started)


Start = Callable[..., Demo]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Start demos; what a failed test leaves of them is ended."""
    with ExitStack() as stack:

        def make(argv: Sequence[str], **environment: str) -> Demo:
            demo = Demo(argv, tmp_path / "output", **environment)
            stack.callback(demo.kill)
            return demo

        yield make


def plays(demo: Demo) -> str:
    """Follow a demo to its end, and see that all of it was shown and nothing is left."""
    demo.wait_for("401 no-key")
    started = demo.started()
    names: set[str] = set()
    for_each(started, lambda process: names.add(process.name()))
    assert {"sshd", "haproxy", "ssh", "postgres"} <= names
    assert demo.end() == 0, demo.said
    said, position = demo.said, 0
    for beat in BEATS:
        found = re.compile(beat).search(said, position)
        assert found, f"not shown: {beat}\n{said}"
        position = found.end()
    assert "defect" not in said
    leaves_nothing(demo, started)
    return said


def home_of(started: list[psutil.Process]) -> str:
    """The directory of the demo: home to its agent, and to the ssh that is killed soon."""
    homes: set[str] = set()
    for_each(started, lambda process: homes.add(process.environ().get("HOME", "")))
    [home] = filter(PLACE.fullmatch, homes)
    return home


def leaves_nothing(demo: Demo, started: list[psutil.Process]) -> None:
    """See that what was started has ended, and that the directory is gone."""
    assert [process for process in started if is_alive(process)] == [], demo.said
    for place in PLACE.findall(demo.said):
        assert not Path(place).exists()


def test_an_ordinary_user_sees_all_of_it(start: Start) -> None:
    said = plays(start(as_ordinary_user(*PROGRAM)))
    assert "runs as root" not in said
    if ROOT:
        assert f"It runs as {NAME}." in said


@needs_root
def test_root_sees_all_of_it_wherever_the_program_is(start: Start) -> None:
    said = plays(start(PROGRAM))
    assert "It runs as bin." in said or "(Not as an account without rights: " in said


@needs_root
def test_root_gives_its_rights_away_where_others_may_read_the_program(start: Start) -> None:
    said = plays(start(as_root_of_all(*PROGRAM)))
    assert "It runs as bin." in said


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGHUP])
def test_whoever_ends_it_early_finds_nothing_left(start: Start, number: signal.Signals) -> None:
    demo = start(PROGRAM)
    demo.wait_for("✓ the tunnel is up")
    started = demo.started()
    home = home_of(started)
    demo.process.send_signal(number)
    assert demo.end() == 130
    assert demo.said.endswith("\nended; nothing is left of it\n")
    assert PLACE.fullmatch(home)
    assert not Path(home).exists()
    leaves_nothing(demo, started)


def test_a_killed_demo_leaves_no_process(start: Start) -> None:
    demo = start(PROGRAM)
    demo.wait_for("✓ PostgreSQL answers")
    started = demo.started()
    home = home_of(started)
    demo.process.kill()
    wait_until(lambda: not any(map(is_alive, started)), what="the end of all that was started")
    assert PLACE.fullmatch(home)
    shutil.rmtree(home)  # which nobody could do for it


def test_what_is_missing_is_one_line_that_says_what_to_install(
    start: Start, tmp_path: Path
) -> None:
    demo = start(PROGRAM, PATH=str(tmp_path))
    assert demo.end() == 1
    complaint, hint = demo.said.splitlines()
    assert complaint == "ground2cloud: the demo needs programs that are not on this machine: ssh"
    assert "apt install openssh-client" in hint
