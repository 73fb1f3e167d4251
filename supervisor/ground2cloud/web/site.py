"""aiohttp's part of the local API; imported when the first caller comes (see `server`)."""

import asyncio
import logging
import socket

from aiohttp import web

_SHUTDOWN_TIMEOUT = 1.0  # time for the answer to `stop` to get out

# aiohttp tells of every malformed request with a traceback; any local process could fill the log.
# Defects of our own are logged by the guard.
_HTTP_LOG = logging.getLogger(f"{__name__}.http")
_HTTP_LOG.setLevel(logging.CRITICAL)


class Site:
    """Serves an application on one listening socket at a time."""

    def __init__(self, application: web.Application) -> None:
        self._site: web.SockSite | None = None
        self._runner = web.AppRunner(
            application,
            access_log=None,
            logger=_HTTP_LOG,
            shutdown_timeout=_SHUTDOWN_TIMEOUT,
        )

    async def start(self, listening: socket.socket, accepted: socket.socket) -> None:
        """Serve a connection that was accepted already, and all further ones."""
        await self._runner.setup()
        loop = asyncio.get_running_loop()
        server = self._runner.server
        assert server is not None
        await loop.connect_accepted_socket(server, accepted)
        await self.move(listening)

    async def move(self, listening: socket.socket) -> None:
        """Accept there from now on; what is being answered is answered to its end."""
        old, self._site = self._site, web.SockSite(self._runner, listening)
        await self._site.start()
        if old is not None:
            await old.stop()

    async def close(self) -> None:
        """Stop listening, let running answers out."""
        await self._runner.cleanup()
