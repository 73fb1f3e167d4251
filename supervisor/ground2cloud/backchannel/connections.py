"""The open connections: how many, for how long, and who gives way when there are too many."""

import asyncio
import contextlib
import socket
import ssl
from collections import Counter
from collections.abc import Callable
from typing import Any

from aiohttp import web

from ground2cloud.backchannel.guard import refuse_garbage
from ground2cloud.backchannel.limits import Limits, source_of
from ground2cloud.core.accepting import accept

_HANDSHAKE_TIMEOUT = 30.0  # seconds; agents far away take 0.5, but two hundred at once wait in line
_SHUTDOWN_TIMEOUT = 2.0  # seconds for the other side to say goodbye


class Connection(web.RequestHandler):
    """One connection. `proven` becomes true when a right token came in over it.

    `crowd` answers how many are open now.
    """

    def __init__(
        self,
        server: web.Server,
        crowd: Callable[[], int],
        **options: Any,  # noqa: ANN401 - aiohttp's own
    ) -> None:
        super().__init__(server, **options)
        self.crowd = crowd
        self.proven = False
        self.ended = asyncio.Event()

    def connection_lost(self, exc: BaseException | None) -> None:
        """Tell who waits for the end."""
        super().connection_lost(exc)
        self.ended.set()

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """Answer garbage in the form of every other refusal, and log nothing of it."""
        del request, status, exc, message
        return refuse_garbage()


class Doorway:
    """Accepts connections of one listening socket and keeps them within the limits.

    `context` is asked for each connection what to show it.
    """

    def __init__(
        self,
        server: web.Server,
        context: Callable[[], ssl.SSLContext],
        limits: Limits,
        **options: Any,  # noqa: ANN401 - aiohttp's own
    ) -> None:
        self._server = server
        self._context = context
        self._limits = limits
        self._options = options
        self._open: dict[asyncio.Task[None], _Guest] = {}

    def __len__(self) -> int:
        return len(self._open)

    async def accept(self, listener: socket.socket) -> None:
        """Accept until cancelled. The listener must not block."""
        loop = asyncio.get_running_loop()
        while True:
            sock, peer = await accept(listener)
            if len(self._open) >= self._limits.connections and not self._make_room():
                sock.close()
                continue
            guest = _Guest(sock, source_of(peer[0]))
            task = loop.create_task(self._serve(guest))
            self._open[task] = guest
            task.add_done_callback(self._forget)
            task.add_done_callback(guest.see_out)

    async def close(self) -> None:
        """End what is still open."""
        tasks = list(self._open)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _forget(self, task: asyncio.Task[None]) -> None:
        self._open.pop(task, None)

    def _make_room(self) -> bool:
        """End the oldest unproven connection of the source that has most of them."""
        unproven = {task: guest for task, guest in self._open.items() if not guest.proven}
        if not unproven:
            return False
        ((source, _),) = Counter(guest.source for guest in unproven.values()).most_common(1)
        oldest = next(task for task, guest in unproven.items() if guest.source == source)
        oldest.cancel()
        del self._open[oldest]
        return True

    async def _serve(self, guest: "_Guest") -> None:
        loop = asyncio.get_running_loop()
        guest.served = True
        transport: asyncio.BaseTransport | None = None
        try:
            async with asyncio.timeout(self._limits.connection_timeout):
                transport, guest.connection = await loop.connect_accepted_socket(
                    lambda: Connection(self._server, self.__len__, loop=loop, **self._options),
                    guest.sock,
                    ssl=self._context(),
                    ssl_handshake_timeout=_HANDSHAKE_TIMEOUT,
                    ssl_shutdown_timeout=_SHUTDOWN_TIMEOUT,
                )
                await guest.connection.ended.wait()
        except (OSError, TimeoutError):
            pass  # strangers that speak no TLS, leave, or stay too long
        finally:
            if isinstance(transport, asyncio.Transport):
                # Python 3.11.2 (Debian 12) fails over a TLS connection that is closed already.
                with contextlib.suppress(AttributeError):
                    transport.abort()


class _Guest:
    """Whose connection it is. `connection` is None until the handshake is done."""

    def __init__(self, sock: socket.socket, source: str) -> None:
        self.sock = sock
        self.source = source
        self.connection: Connection | None = None
        self.served = False

    @property
    def proven(self) -> bool:
        return self.connection is not None and self.connection.proven

    def see_out(self, _task: asyncio.Task[None]) -> None:
        """Close what nobody came to serve: asyncio closes what it was given."""
        if not self.served:
            self.sock.close()
