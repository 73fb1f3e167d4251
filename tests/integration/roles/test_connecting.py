"""The local port of `ground2cloud connect` leads to the gateway, or says why not."""

import asyncio
import socket

import pytest

from tests.lab.echoing import called, heard, router
from tests.lab.waiting import eventually


async def test_what_a_program_sends_arrives_and_comes_back() -> None:
    async with router(answers=True) as target:
        serving, (caller,) = await called(target, 1)
        with caller:
            caller.sendall(b"SELECT 1")
            assert await heard(caller) == b"SELECT 1"
            caller.shutdown(socket.SHUT_WR)
            assert await heard(caller) == b""
        serving.cancel()
        await asyncio.gather(serving, return_exceptions=True)


async def test_a_gateway_that_is_away_is_an_error_to_the_program(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with router(answers=True) as target:
        pass
    serving, (caller,) = await called(target, 1)
    with caller:
        assert await heard(caller) == b""
    await eventually(lambda: "can't be reached" in caplog.text, what="the reason")
    serving.cancel()
    await asyncio.gather(serving, return_exceptions=True)
