"""A child whose descendants outlive it and hold its pipes, as the sessions of an sshd do."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from ground2cloud.core.spawn import spawn
from tests.integration.core.fakes import FOREVER, Watched, spec
from tests.lab.waiting import eventually, wait_until

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


async def test_a_start_that_is_given_up_waits_for_the_child_alone(
    descendants: set[int], tmp_path: Path
) -> None:
    """Of its pipes, none may have been opened here when it is given up."""
    note = tmp_path / "descendant"
    code = f"import subprocess; p = subprocess.Popen(['sleep', '60']); open({str(note)!r}, 'w')"
    starting = asyncio.create_task(
        spawn((sys.executable, "-c", f"{code}.write(str(p.pid))"), env={})
    )
    await asyncio.sleep(0)
    # Not by the loop, which would go on with the start.
    wait_until(lambda: note.exists() and note.read_text(), what="the descendant")
    descendants.add(int(note.read_text()))
    starting.cancel()
    done, _ = await asyncio.wait({starting}, timeout=5.0)
    assert done
