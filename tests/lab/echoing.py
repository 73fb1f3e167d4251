"""A router that only echoes, and callers of the local port of `ground2cloud connect`."""

import asyncio
import contextlib
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable

from ground2cloud.roles import connecting
from ground2cloud.roles.connecting import Target

Habit = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@contextlib.asynccontextmanager
async def leading_to(
    habit: Habit,
    tls: tuple[ssl.SSLContext | None, ssl.SSLContext | None] = (None, None),
    *,
    answers: bool = True,
) -> AsyncIterator[Target]:
    """What leads to this application; by TLS, where there are contexts for it and its callers."""

    async def lead(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        if answers:
            writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        await habit(reader, writer)
        writer.close()

    shown, trusted = tls
    server = await asyncio.start_server(lead, "127.0.0.1", 0, ssl=shown)
    async with server:
        port = server.sockets[0].getsockname()[1]
        yield Target("127.0.0.1", port, trusted, "1001/db", "k" * 43)


async def echoes(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Be an application that sends back what comes."""
    while chunk := await reader.read(1000):
        writer.write(chunk)


@contextlib.asynccontextmanager
async def router(*, answers: bool) -> AsyncIterator[Target]:
    """What leads to an echo, or says nothing at all."""
    async with leading_to(echoes, answers=answers) as target:
        yield target


async def called(
    target: Target, callers: int, *, silence: float = connecting.SILENCE
) -> tuple[asyncio.Task[None], list[socket.socket]]:
    """Open the local port and call it."""
    listener = connecting.listen("127.0.0.1", 0)
    serving = asyncio.create_task(connecting.serve(target, listener, silence=silence))
    place = listener.getsockname()
    return serving, [socket.create_connection(place, timeout=10) for _ in range(callers)]


async def heard(caller: socket.socket) -> bytes:
    """Return what comes, empty also for a connection that is reset."""
    try:
        return await asyncio.to_thread(caller.recv, 100)
    except ConnectionResetError:
        return b""


async def ended(serving: asyncio.Task[None]) -> None:
    """Give the local port up."""
    serving.cancel()
    await asyncio.gather(serving, return_exceptions=True)
