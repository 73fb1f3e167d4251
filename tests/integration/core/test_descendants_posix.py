"""A child whose descendants outlive it and hold its pipes, as the sessions of an sshd do."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator

import pytest

from tests.integration.core.fakes import FOREVER, Watched, spec
from tests.lab.waiting import eventually

WITH_DESCENDANT = (
    "import subprocess; p = subprocess.Popen(['sleep', '60'], start_new_session=True);"
    " import sys; print('DESCENDANT', p.pid, file=sys.stderr, flush=True); " + FOREVER
)


@pytest.fixture
async def descendants() -> AsyncIterator[set[int]]:
    """Collect their process numbers; they are ended with the test."""
    known: set[int] = set()
    yield known
    for pid in known:
        os.kill(pid, signal.SIGKILL)


async def test_the_end_of_the_child_is_seen_at_once(descendants: set[int]) -> None:
    """Killed or stopped, a child has ended when its own process has."""
    watched = Watched()
    supervisor = watched.supervisor

    def note() -> bool:
        descendants.update(
            int(line.split()[1]) for line in watched.lines if line.startswith("DESCENDANT")
        )
        return supervisor.is_ready("child")

    supervisor.start(spec(WITH_DESCENDANT))
    await eventually(note, what="the child is ready")
    run = supervisor.run_of("child")
    assert run is not None
    assert run.pid is not None
    os.kill(run.pid, signal.SIGKILL)
    await eventually(
        lambda: note() and len(descendants) == 2, what="it was started again", timeout=5.0
    )
    async with asyncio.timeout(5.0):
        await supervisor.close()
