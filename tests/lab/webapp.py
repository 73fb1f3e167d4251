"""A web application: streamed bodies of any size, WebSockets; in a thread of its own."""

import asyncio
import hashlib
import itertools
import threading
from collections.abc import Iterator
from typing import Self

from aiohttp import WSMsgType, web
from aiohttp.typedefs import Handler

from tests.lab.ports import free_port

PIECE = 1 << 20
_BLOCK = bytes(range(256)) * (PIECE // 256 - 1)


def pieces(size: int) -> Iterator[bytes]:
    """Make `size` bytes, a megabyte at a time, no two of them the same."""
    for start in range(0, size, PIECE):
        piece = start.to_bytes(256) + _BLOCK
        yield piece[: size - start]


class WebApp:
    """An application on a loopback port; use it as a context manager.

    | request | answer |
    |---|---|
    | `GET /headers` and any other path | the request's headers, as JSON |
    | `GET /stream/N` | `pieces(N)` with their length |
    | `GET /endless` | `pieces` in chunks, until the caller has gone |
    | `POST /digest` | bytes and SHA-256 of the body, and the request's headers, as JSON |
    | `POST /echo` | the body in chunks, each as it comes |
    | `GET /socket` | a WebSocket that echoes; see `_socket` |

    Attributes:
        port: where it listens.
        paths: of the requests that have arrived.
        peers: where they came from, by their path: another for each connection.
        closes: close codes of the WebSockets that have ended.
    """

    def __init__(self) -> None:
        self.port = free_port()
        self.closes: list[int | None] = []
        self.paths: list[str] = []
        self.peers: dict[str, object] = {}
        self._ready, self._stop = threading.Event(), asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()), daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        assert self._ready.wait(20), "the web application did not start"
        return self

    def __exit__(self, *_: object) -> None:
        assert self._loop is not None
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(20)

    async def _run(self) -> None:
        self._loop = asyncio.get_running_loop()
        app = web.Application(middlewares=[self._count])
        app.router.add_get("/stream/{size}", self._stream)
        app.router.add_get("/endless", self._endless)
        app.router.add_post("/digest", self._digest)
        app.router.add_post("/echo", self._echo)
        app.router.add_get("/socket", self._socket)
        app.router.add_route("*", "/{path:.*}", self._headers)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1, read_bufsize=PIECE)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", self.port).start()
        self._ready.set()
        await self._stop.wait()
        await runner.cleanup()

    @web.middleware
    async def _count(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        self.paths.append(request.path)
        assert request.transport is not None
        self.peers[request.path] = request.transport.get_extra_info("peername")
        try:
            return await handler(request)
        except ConnectionError:  # the caller has gone, or the lane
            return web.Response()

    async def _headers(self, request: web.Request) -> web.Response:
        return web.json_response(dict(request.headers))

    async def _stream(self, request: web.Request) -> web.StreamResponse:
        size = int(request.match_info["size"])
        response = web.StreamResponse(headers={"Content-Length": str(size)})
        await response.prepare(request)
        for piece in pieces(size):
            await response.write(piece)
        return response

    async def _endless(self, request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        for piece in itertools.cycle(pieces(PIECE)):
            await response.write(piece)
        return response

    async def _digest(self, request: web.Request) -> web.Response:
        size, digest = 0, hashlib.sha256()
        async for piece in request.content.iter_any():
            digest.update(piece)
            size += len(piece)
        told = {"bytes": size, "sha256": digest.hexdigest(), "headers": dict(request.headers)}
        return web.json_response(told)

    async def _echo(self, request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        async for piece in request.content.iter_any():
            await response.write(piece)
        return response

    async def _socket(self, request: web.Request) -> web.WebSocketResponse:
        """Echo every message; a text `close` is answered with the end, code 4002."""
        socket = web.WebSocketResponse(max_msg_size=0)
        await socket.prepare(request)
        async for message in socket:
            if message.type == WSMsgType.BINARY:
                await socket.send_bytes(message.data)
            elif message.data == "close":
                await socket.close(code=4002, message=b"as you wish")
            else:
                await socket.send_str(message.data)
        self.closes.append(socket.close_code)
        return socket
