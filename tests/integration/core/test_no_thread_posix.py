"""Before Python 3.12 asyncio has a thread wait for the end of each process on POSIX."""

import asyncio
import sys
import threading

import psutil

from ground2cloud.core import oneshot
from tests.integration.core.fakes import FOREVER, READY, Watched, spec
from tests.lab.waiting import eventually


async def test_where_no_thread_can_be_started_no_process_is_left_behind() -> None:
    watched = Watched()
    others = set(psutil.Process().children())
    before = threading.stack_size(1 << 46)  # bytes; no machine has them
    try:
        watched.supervisor.start(spec(FOREVER))
        await eventually(lambda: len(watched.transitions) > 1, what="an attempt")
        answer = await oneshot.run((sys.executable, "-c", READY), timeout=20)
    finally:
        threading.stack_size(before)
    try:
        await eventually(lambda: watched.supervisor.is_ready("child"), what="ready in the end")
        if (verdict := watched.transitions[1].after.verdict) is not None:
            assert verdict.reason == "not-started"
            assert answer.code is None
        left = lambda: set(psutil.Process().children()) - others  # noqa: E731
        await eventually(lambda: len(left()) == 1, what="one process, none besides")
    finally:
        await watched.supervisor.close()
        await asyncio.sleep(0)
