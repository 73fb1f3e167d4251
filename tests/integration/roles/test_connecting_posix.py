"""When the local port of `ground2cloud connect` is given up, nobody is left hanging.

On Windows asyncio itself drops a caller that it accepted in the very turn in which the waiting is
cancelled: the caller sees an end there as well, but by the garbage collector, which these tests
call an error.
"""

import asyncio
import gc

import pytest

from tests.lab.echoing import called, heard, router


@pytest.mark.parametrize("turns", [*range(1, 9), 50])
@pytest.mark.parametrize("answers", [True, False])
async def test_all_connections_end_with_the_port(answers: bool, turns: int) -> None:  # noqa: FBT001 - of pytest
    """At whichever turn: not accepted yet, accepted, waiting for the gateway, led."""
    async with router(answers=answers) as target:
        serving, callers = await called(target, 3)
        for _ in range(turns):
            await asyncio.sleep(0)
        serving.cancel()
        await asyncio.gather(serving, return_exceptions=True)
        for caller in callers:
            with caller:
                assert await heard(caller) == b""
    gc.collect()  # a socket that was dropped would be a ResourceWarning, and so an error
