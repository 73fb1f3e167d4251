"""A router that only echoes, and callers of the local port of `ground2cloud connect`."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator

from ground2cloud.roles import connecting
from ground2cloud.roles.connecting import Target


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
