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
    """One connection. `owner` becomes the registration whose right token came in over it."""

    def __init__(
        self,
        server: web.Server,
        room: "Room",
        **options: Any,  # noqa: ANN401 - aiohttp's own
    ) -> None:
        super().__init__(server, **options)
        self.room = room
        self.owner: int | None = None
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


class Room:
    """The open connections of all doorways: at most so many, and who gives way to whom comes.

    Args:
        most: the number.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._guests: dict[asyncio.Task[None], _Guest] = {}

    def __len__(self) -> int:
        return len(self._guests)

    def held_by(self, owner: int) -> int:
        """How many of them a registration has."""
        return sum(guest.owner == owner for guest in self._guests.values())

    def has_place(self) -> bool:
        """Whether there is a place for one more, or one could be made."""
        return len(self._guests) < self._most or self._make_room()

    def enter(self, task: "asyncio.Task[None]", guest: "_Guest") -> None:
        """Count a connection until its task is done."""
        self._guests[task] = guest
        task.add_done_callback(self._forget)

    def _forget(self, task: "asyncio.Task[None]") -> None:
        self._guests.pop(task, None)

    def _make_room(self) -> bool:
        """End the oldest unproven connection of the source that has most of them."""
        unproven = {task: guest for task, guest in self._guests.items() if guest.owner is None}
        if not unproven:
            return False
        ((source, _),) = Counter(guest.source for guest in unproven.values()).most_common(1)
        oldest = next(task for task, guest in unproven.items() if guest.source == source)
        oldest.cancel()
        del self._guests[oldest]
        return True


class Doorway:
    """Accepts connections of one listening socket and keeps them within the limits.

    `context` is asked for each connection what to show it.
    """

    def __init__(
        self,
        server: web.Server,
        context: Callable[[], ssl.SSLContext],
        limits: Limits,
        room: Room,
        **options: Any,  # noqa: ANN401 - aiohttp's own
    ) -> None:
        self._server = server
        self._context = context
        self._limits = limits
        self._room = room
        self._options = options
        self._open: set[asyncio.Task[None]] = set()

    async def accept(self, listener: socket.socket) -> None:
        """Accept until cancelled. The listener must not block."""
        loop = asyncio.get_running_loop()
        while True:
            sock, peer = await accept(listener)
            if not self._room.has_place():
                sock.close()
                continue
            guest = _Guest(sock, source_of(peer[0]))
            task = loop.create_task(self._serve(guest))
            self._room.enter(task, guest)
            self._open.add(task)
            task.add_done_callback(self._open.discard)
            task.add_done_callback(guest.see_out)

    async def close(self) -> None:
        """End what is still open."""
        tasks = list(self._open)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _serve(self, guest: "_Guest") -> None:
        loop = asyncio.get_running_loop()
        guest.served = True
        transport: asyncio.BaseTransport | None = None
        try:
            async with asyncio.timeout(self._limits.connection_timeout):
                transport, guest.connection = await loop.connect_accepted_socket(
                    lambda: Connection(self._server, self._room, loop=loop, **self._options),
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
    def owner(self) -> int | None:
        return None if self.connection is None else self.connection.owner

    def see_out(self, _task: asyncio.Task[None]) -> None:
        """Close what nobody came to serve: asyncio closes what it was given."""
        if not self.served:
            self.sock.close()
