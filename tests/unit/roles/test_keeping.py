"""Loops that a defect ends are begun again."""

import asyncio
import logging

import pytest

from ground2cloud.roles.keeping import for_ever


async def test_a_loop_that_fails_is_told_and_begun_again(caplog: pytest.LogCaptureFixture) -> None:
    begun = 0
    thrice = asyncio.Event()

    async def broken() -> None:
        nonlocal begun
        begun += 1
        if begun == 3:
            thrice.set()
        raise KeyError("nobody thought of it")

    with caplog.at_level(logging.ERROR):
        task = asyncio.create_task(for_ever(broken, again=0.0))
        async with asyncio.timeout(10):
            await thrice.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    assert "broken" in caplog.records[0].getMessage()
    assert caplog.records[0].exc_info is not None
