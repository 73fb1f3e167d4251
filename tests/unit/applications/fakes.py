"""Tiny applications: what they do with a connection is a coroutine."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable

from ground2cloud.applications.probe import Answer, probe
from ground2cloud.config.model import Kind

FINISH = 1.0
"""Seconds that scripts get to see the end of their connections."""

Script = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@contextlib.asynccontextmanager
async def application(script: Script) -> AsyncIterator[int]:
    """Run an application on loopback and lend its port, which has to be connected to.

    At the end its scripts may finish.
    """
    running: set[asyncio.Task[None]] = set()
    reached = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        running.add(task)
        reached.set()
        try:
            # asyncio complains of a cancelled server task; here that is the way to end one.
            ends = (OSError, asyncio.IncompleteReadError, asyncio.CancelledError)
            with contextlib.suppress(*ends):
                await script(reader, writer)
        finally:
            writer.transport.abort()
            running.discard(task)

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        # asyncio loses, unclosed, a connection that it accepts when its server is already closed.
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(reached.wait(), FINISH)
        server.close()
        if running:
            _, endless = await asyncio.wait(tuple(running), timeout=FINISH)
            for task in endless:
                task.cancel()
        await server.wait_closed()


async def answer_of(kind: Kind, script: Script, timeout: float = 5.0) -> Answer:
    """Check an application that does what the script says."""
    async with application(script) as port:
        return await probe(kind, "127.0.0.1", port, timeout=timeout)


def says(data: bytes) -> Script:
    """Return the script of one that says this at once and closes when the other side does."""

    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(data)
        await writer.drain()
        writer.write_eof()
        await reader.read()

    return script
