"""The local port of `ground2cloud connect` leads to the gateway, or says why not."""

import asyncio
import socket

import pytest

from ground2cloud.haproxy.answers import REFUSALS
from ground2cloud.roles.connecting import RouteRefusedError
from tests.lab.echoing import called, ended, heard, leading_to, router
from tests.lab.waiting import eventually


async def test_what_a_program_sends_arrives_and_comes_back() -> None:
    async with router(answers=True) as target:
        serving, (caller,) = await called(target, 1)
        with caller:
            caller.sendall(b"SELECT 1")
            assert await heard(caller) == b"SELECT 1"
            caller.shutdown(socket.SHUT_WR)
            assert await heard(caller) == b""
        await ended(serving)


async def test_a_gateway_that_is_away_is_an_error_to_the_program(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with router(answers=True) as target:
        pass
    serving, (caller,) = await called(target, 1)
    with caller:
        assert await heard(caller) == b""
    await eventually(lambda: "can't be reached" in caplog.text, what="the reason")
    await ended(serving)


async def test_an_application_that_closes_at_once_is_told(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The gateway has led there before the application could refuse."""

    async def refuses(_reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
        return

    async with leading_to(refuses) as target:
        serving, (caller,) = await called(target, 1)
        with caller:
            assert await heard(caller) == b""
        await eventually(lambda: "before it said anything" in caplog.text, what="a word")
        await ended(serving)


async def test_who_closes_a_connection_without_a_word_is_told_nothing(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with router(answers=True) as target:
        serving, (caller,) = await called(target, 1)
        with caller:
            caller.shutdown(socket.SHUT_WR)
            assert await heard(caller) == b""
        await ended(serving)
    assert not caplog.text


def test_every_refusal_that_a_right_call_may_meet_says_what_to_do() -> None:
    """The others come of requests that this program never sends."""
    without = {each.error for each in REFUSALS if not RouteRefusedError(each.error, "").hint}
    assert without == {
        *("bad-request", "route-ambiguous", "connect-not-first", "not-http", "no-key"),
        *("key-ambiguous", "head-too-large"),
    }
