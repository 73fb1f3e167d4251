"""A started process whose end is its own, whoever else holds its pipes.

`asyncio.subprocess.Process.wait` also waits for the end of every pipe (CPython issue 119710), and
so for each descendant that has inherited one: a ProxyCommand of ssh, a service that was started.
"""

import asyncio
import asyncio.subprocess
import errno
from typing import Any, Self

_DEAD_WITHIN = 0.5
"""Seconds in which a process that was killed is gone."""


class _Protocol(asyncio.subprocess.SubprocessStreamProtocol):
    """Told by the event loop of the end of the process."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(limit=65536, loop=loop)  # asyncio's own figure
        self.ended = asyncio.Event()
        self._abandoned = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        if transport.is_closing():
            # Its start was given up. asyncio has killed it and closed the pipes that it had, and
            # waits for the ends of those that came later, which somebody else may hold.
            assert isinstance(transport, asyncio.SubprocessTransport)
            for pipe in filter(None, map(transport.get_pipe_transport, range(3))):
                pipe.close()
        elif self._abandoned:
            transport.close()  # kills it
            process = transport.get_extra_info("subprocess")
            # Or it would stay a zombie: nobody waits for it.
            asyncio.get_running_loop().call_later(_DEAD_WITHIN, process.poll)

    def abandon(self) -> None:
        """End the process as soon as it is there: nobody can be told of its own end."""
        self._abandoned = True

    def process_exited(self) -> None:
        super().process_exited()
        self.ended.set()


class Child(asyncio.subprocess.Process):
    """A process with three pipes, as asyncio has it, but for its `wait`."""

    def __init__(
        self,
        transport: asyncio.SubprocessTransport,
        protocol: _Protocol,
        loop: asyncio.AbstractEventLoop,
    ) -> None:
        super().__init__(transport, protocol, loop)
        self._pipes = transport
        self._ended = protocol.ended

    @classmethod
    async def start(cls, *argv: str, **options: Any) -> Self:  # noqa: ANN401 - those of Popen
        """Start a process, with the options of `subprocess.Popen`.

        Raises:
            OSError: the program is missing or may not be executed, or the machine has no more
                threads.
        """
        loop = asyncio.get_running_loop()
        protocol = _Protocol(loop)
        try:
            transport, _ = await loop.subprocess_exec(lambda: protocol, *argv, **options)
        except RuntimeError as error:
            # Before Python 3.12 a thread waits for its end, and the machine has no more of them.
            protocol.abandon()
            raise OSError(errno.EAGAIN, str(error)) from error
        return cls(transport, protocol, loop)

    async def wait(self) -> int:
        """Wait for the end of the process itself; return its exit code."""
        await self._ended.wait()
        assert self.returncode is not None
        return self.returncode

    def close(self) -> None:
        """Close our ends of the pipes, and kill the process if it lives.

        asyncio closes them when each pipe saw its end; a descendant that holds one would leak it.
        """
        self._pipes.close()
