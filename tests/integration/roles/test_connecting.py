"""The local port of `ground2cloud connect` leads to the gateway, or says why not."""

import asyncio
import re
import socket
import ssl
from dataclasses import replace
from pathlib import Path

import pytest

from ground2cloud.haproxy.answers import REFUSALS
from ground2cloud.roles.connecting import RouteRefusedError
from tests.lab.echoing import called, echoes, heard, leading_to, router
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


async def _ended(serving: asyncio.Task[None]) -> None:
    serving.cancel()
    await asyncio.gather(serving, return_exceptions=True)


async def test_who_has_sent_its_last_by_tls_gets_the_whole_answer(tmp_path: Path) -> None:
    """TLS has no end of one direction: nothing may be closed for it."""

    async def answers(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readexactly(5)
        await asyncio.sleep(0.3)
        writer.write(bytes(100_000))
        await writer.drain()

    async with leading_to(answers, tmp_path) as target:
        serving, (caller,) = await called(target, 1)
        with caller:
            caller.sendall(b"query")
            caller.shutdown(socket.SHUT_WR)
            answer = await asyncio.to_thread(
                lambda: b"".join(iter(lambda: caller.recv(65536), b""))
            )
        assert len(answer) == 100_000
        await _ended(serving)


async def test_who_waits_in_vain_for_an_end_by_tls_is_no_end_of_the_data(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with leading_to(echoes, tmp_path) as target:
        serving, (caller,) = await called(target, 1, silence=0.5)
        with caller:
            caller.sendall(b"query")
            assert await heard(caller) == b"query"
            caller.shutdown(socket.SHUT_WR)
            with pytest.raises(ConnectionResetError):
                await asyncio.to_thread(caller.recv, 100)
        assert "does not hear" in caplog.text
        await _ended(serving)


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
        await _ended(serving)


async def test_who_closes_a_connection_without_a_word_is_told_nothing(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with router(answers=True) as target:
        serving, (caller,) = await called(target, 1)
        with caller:
            caller.shutdown(socket.SHUT_WR)
            assert await heard(caller) == b""
        await _ended(serving)
    assert not caplog.text


async def test_a_gateway_that_is_not_what_was_said_is_told_with_what_to_do(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def says_no(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.write(b"HTTP/1.1 400 Bad request\r\n\r\n")
        writer.close()

    plain = await asyncio.start_server(says_no, "127.0.0.1", 0)
    async with plain, leading_to(_nothing, tmp_path) as target:
        untrusted = replace(target, tls=ssl.create_default_context())
        no_tls = replace(target, port=plain.sockets[0].getsockname()[1])
        for wrong, words in (
            (untrusted, "is not trusted: .*--ca-file"),
            (no_tls, "speaks no TLS: .*http://"),
        ):
            serving, (caller,) = await called(wrong, 1)
            with caller:
                assert await heard(caller) == b""
            await eventually(lambda words=words: re.search(words, caplog.text), what=words)
            await _ended(serving)


async def _nothing(_reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
    return


def test_every_refusal_that_a_right_call_may_meet_says_what_to_do() -> None:
    """The others come of requests that this program never sends."""
    without = {each.error for each in REFUSALS if not RouteRefusedError(each.error, "").hint}
    assert without == {
        *("bad-request", "route-ambiguous", "connect-not-first", "not-http", "no-key"),
        *("key-ambiguous", "head-too-large"),
    }
