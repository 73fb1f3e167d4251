"""Who arrives in the very moment in which the waiting is given up is not lost."""

import asyncio
import contextlib
import socket

import pytest

from ground2cloud.core.accepting import accept


@pytest.mark.parametrize("turns", range(6))
async def test_a_caller_is_taken_or_still_waits(turns: int) -> None:
    """However many turns of the loop lie between its arrival and the cancellation."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(0)
        waiting = asyncio.create_task(accept(listener))
        await asyncio.sleep(0.01)
        with socket.create_connection(listener.getsockname(), timeout=10) as caller:
            for _ in range(turns):
                await asyncio.sleep(0)
            waiting.cancel()
            try:
                taken, peer = await waiting
            except asyncio.CancelledError:
                taken, peer = await asyncio.wait_for(accept(listener), 10)
            with contextlib.closing(taken):
                assert peer == caller.getsockname()
                assert not taken.getblocking()


async def test_many_callers_leave_the_loop_its_turns() -> None:
    with socket.create_server(("127.0.0.1", 0), backlog=100) as listener:
        listener.settimeout(0)
        callers = [socket.create_connection(listener.getsockname(), timeout=10) for _ in range(50)]
        turns = 0

        async def count() -> None:
            nonlocal turns
            while True:
                turns += 1
                await asyncio.sleep(0)

        counting = asyncio.create_task(count())
        for caller in callers:
            taken, _ = await accept(listener)
            taken.close()
            caller.close()
        counting.cancel()
        assert turns >= len(callers)
