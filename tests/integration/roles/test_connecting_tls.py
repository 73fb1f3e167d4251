"""The local port of `ground2cloud connect` leads to a gateway by TLS, or says why not."""

import asyncio
import re
import socket
import ssl
from dataclasses import replace
from pathlib import Path

import pytest

from ground2cloud.backchannel.tls import Certificates
from ground2cloud.core.clock import wall
from ground2cloud.roles import connecting
from tests.lab.echoing import called, echoes, ended, heard, leading_to
from tests.lab.waiting import eventually


def _contexts(directory: Path) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """For a gateway and for its callers."""
    certificates = Certificates(directory, ("127.0.0.1",), wall())
    return certificates.context, ssl.create_default_context(cadata=certificates.authority)


async def test_who_has_sent_its_last_by_tls_gets_the_whole_answer(tmp_path: Path) -> None:
    """TLS has no end of one direction: nothing may be closed for it."""

    async def answers(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readexactly(5)
        await asyncio.sleep(0.3)
        writer.write(bytes(100_000))
        await writer.drain()

    async with leading_to(answers, _contexts(tmp_path)) as target:
        serving, (caller,) = await called(target, 1)
        with caller:
            caller.sendall(b"query")
            caller.shutdown(socket.SHUT_WR)
            answer = await asyncio.to_thread(
                lambda: b"".join(iter(lambda: caller.recv(65536), b""))
            )
        assert len(answer) == 100_000
        await ended(serving)


@pytest.mark.parametrize("greeting", [b"welcome", b""])
async def test_who_waits_for_an_answer_hears_of_it_when_the_gateway_is_lost(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, greeting: bytes
) -> None:
    """And nobody says of the application that it closed the connection."""

    async def vanishes(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(greeting)
        await reader.readexactly(5)
        sock = writer.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, connecting._NO_LINGER)
        writer.transport.abort()

    async with leading_to(vanishes, _contexts(tmp_path)) as target:
        serving, (caller,) = await called(target, 1)
        with caller:
            if greeting:
                assert await heard(caller) == greeting
            caller.sendall(b"query")
            with pytest.raises(ConnectionResetError):
                await asyncio.to_thread(caller.recv, 100)
        assert not caplog.text
        await ended(serving)


async def test_who_waits_in_vain_for_an_end_by_tls_is_no_end_of_the_data(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with leading_to(echoes, _contexts(tmp_path)) as target:
        serving, (caller,) = await called(target, 1, silence=0.5)
        with caller:
            caller.sendall(b"query")
            assert await heard(caller) == b"query"
            caller.shutdown(socket.SHUT_WR)
            with pytest.raises(ConnectionResetError):
                await asyncio.to_thread(caller.recv, 100)
        assert "does not hear" in caplog.text
        await ended(serving)


async def test_a_gateway_that_is_not_what_was_said_is_told_with_what_to_do(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def says_no(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.write(b"HTTP/1.1 400 Bad request\r\n\r\n")
        writer.close()

    plain = await asyncio.start_server(says_no, "127.0.0.1", 0)
    async with plain, leading_to(_nothing, _contexts(tmp_path)) as target:
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
            await ended(serving)


async def _nothing(_reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
    return
