"""What nobody expected to be raised ends a run, and neither the child for good nor the loop."""

import logging

import psutil
import pytest

from ground2cloud.core.supervise import Supervisor, Transition
from tests.integration.core.fakes import FOREVER, QUICK, spec
from tests.lab.waiting import eventually


class Seen:
    """A supervisor whose `on_process` fails as often as told."""

    def __init__(self, defects: int = 0) -> None:
        self.transitions: list[Transition] = []
        self.pids: list[int] = []
        self._defects = defects
        self.supervisor = Supervisor(
            self.transitions.append, lambda _name, _line: None, self._on_process
        )

    def _on_process(self, _name: str, pid: int) -> None:
        self.pids.append(pid)
        if self._defects:
            self._defects -= 1
            raise ValueError("a defect")

    @property
    def reasons(self) -> list[str]:
        return [each.after.verdict.reason for each in self.transitions if each.after.verdict]

    async def ready(self) -> None:
        await eventually(lambda: self.supervisor.is_ready("child"), what="ready in the end")


async def test_a_defect_in_the_preparations_is_told_and_tried_again(
    caplog: pytest.LogCaptureFixture,
) -> None:
    defects = [1]

    def prepare() -> bool:
        if defects:
            defects.pop()
            raise RuntimeError("can't start new thread")
        return False

    seen = Seen()
    seen.supervisor.start(spec(FOREVER, prepare=prepare))
    try:
        await seen.ready()
    finally:
        await seen.supervisor.close()
    assert seen.reasons[0] == "defect"
    (record,) = [each for each in caplog.records if each.levelno == logging.ERROR]
    assert record.exc_info is not None


async def test_a_defect_after_the_start_leaves_no_process() -> None:
    seen = Seen(defects=1)
    seen.supervisor.start(spec(FOREVER, limits=QUICK))
    try:
        await seen.ready()
        first, second = seen.pids
        assert not psutil.pid_exists(first)
        assert psutil.pid_exists(second)
    finally:
        await seen.supervisor.close()


async def test_a_look_that_fails_is_not_the_last(caplog: pytest.LogCaptureFixture) -> None:
    """What is not looked after any more would pass for living, whatever became of it."""
    answers = iter([OSError(24, "Too many open files")])

    async def ask() -> bool:
        for error in answers:
            raise error
        return False

    seen = Seen()
    seen.supervisor.start(spec(FOREVER, answers=ask))
    try:
        await eventually(lambda: "not-answering" in seen.reasons, what="that it does not answer")
    finally:
        await seen.supervisor.close()
    assert "the watch over child ended" in caplog.text
