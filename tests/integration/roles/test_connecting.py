"""The local port of `ground2cloud connect`: when it is given up, nobody is left hanging."""

import asyncio
import contextlib
import gc
import socket
from collections.abc import AsyncIterator

import pytest

from ground2cloud.roles import connecting
from ground2cloud.roles.connecting import Target
from tests.lab.waiting import eventually


@contextlib.asynccontextmanager
async def router(*, answers: bool) -> AsyncIterator[Target]:
    """What leads to an echo, or says nothing at all."""

    async def lead(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        if answers:
            writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        while chunk := await reader.read(1000):
            writer.write(chunk)
        writer.close()

    server = await asyncio.start_server(lead, "127.0.0.1", 0)
    async with server:
        yield Target("127.0.0.1", server.sockets[0].getsockname()[1], None, "1001/db", "k" * 43)


async def called(target: Target, callers: int) -> tuple[asyncio.Task[None], list[socket.socket]]:
    """Open the local port and call it."""
    listener = connecting.listen("127.0.0.1", 0)
    serving = asyncio.create_task(connecting.serve(target, listener))
    place = listener.getsockname()
    return serving, [socket.create_connection(place, timeout=10) for _ in range(callers)]


async def heard(caller: socket.socket) -> bytes:
    """Return what comes, empty also for a connection that is reset."""
    try:
        return await asyncio.to_thread(caller.recv, 100)
    except ConnectionResetError:
        return b""


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
