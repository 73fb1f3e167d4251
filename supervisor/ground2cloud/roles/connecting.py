"""A local port that leads through a gateway's router, for database drivers that speak no CONNECT.

It runs on the caller's machine. The rule that no byte passes through Python is the agent's and the
gateway's; a driver that can't speak CONNECT needs something that does, and a system tool (socat)
would have the key in its arguments, where every user of the machine reads it.
"""

import asyncio
import contextlib
import logging
import os
import re
import socket
import ssl
import struct
from dataclasses import dataclass, field

from ground2cloud.core.accepting import accept
from ground2cloud.errors import Ground2CloudError
from ground2cloud.logs.fields import log

_log = logging.getLogger(__name__)

HEAD_LIMIT = 16 * 1024
"""Bytes of an answer's head."""

TIMEOUT = 30.0
"""Seconds for the gateway to lead a connection to the application."""

SILENCE = 60.0
"""Seconds of an application's silence after which a program that has sent its last is let go, where
the application can't be told of that."""

_BACKLOG = 100
_CHUNK = 256 * 1024
_NO_LINGER = struct.pack("hh" if os.name == "nt" else "ii", 1, 0)
_BODY_LIMIT = 2000
_STATUS = re.compile(rb"HTTP/1\.[01] (\d{3})[ \r]")
_ERROR = re.compile(rb"\r\nGround2Cloud-Error: *([a-z0-9-]{1,63})\r\n", re.IGNORECASE)
_MESSAGE = re.compile(r'"message": *"([^"\\]{1,300})"')

_CLOSED_AT_ONCE = (
    "the application closed the connection before it said anything"
    " - as when it is down, or takes no more: ground2cloud status beside it says more"
)
_NEW_KEY = "whoever runs the gateway makes keys: ground2cloud gateway element add"
_LISTED = "on the gateway, ground2cloud gateway element list shows "
_NO_GATEWAY = "the URL is that of [router] in gateway.toml: http://, or https:// with a certificate"
_HINTS = {
    "wrong-key": _NEW_KEY,
    "key-expired": _NEW_KEY,
    "source-not-allowed": f"{_LISTED}from where it may be used",
    "not-granted": f"{_LISTED}what it opens",
    "unknown-route": "on the gateway, ground2cloud gateway agents shows what there is",
    "too-many-connections": f"{_LISTED}how many it may have",
    "too-many-requests": f"{_LISTED}how many it may have; connections that are kept cost none",
    "source-crowded": "[router] max_connections_per_source of the gateway is how many it may have",
    "tunnel-down": "beside the application, ground2cloud status says why",
    "request-timeout": "the way to the gateway is slow, or something there holds requests back",
}


class RouteRefusedError(Ground2CloudError):
    """The gateway does not lead there; `reason` is its slug (`wrong-key`), or the status code."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message, _HINTS.get(reason, ""))
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Target:
    """Where to go.

    Args:
        host, port: the gateway's router.
        tls: how to check its certificate; None for no TLS.
        route: `1001/postgres`.
        key: the element key.
    """

    host: str
    port: int
    tls: ssl.SSLContext | None
    route: str
    key: str = field(repr=False)

    def head(self) -> bytes:
        """The request that asks for the way."""
        number, _, service = self.route.partition("/")
        name = f"{service}-{number}" if service else number
        return (
            f"CONNECT {name}:1 HTTP/1.1\r\nHost: {name}:1\r\n"
            f"Ground2Cloud-Route: {self.route}\r\n"
            f"Proxy-Authorization: Bearer {self.key}\r\n\r\n"
        ).encode("ascii")


Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class Flow:
    """One direction of a connection; `count` are the bytes that have come so far."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.count = 0
        self._reader = reader
        self._writer = writer

    async def carry(self) -> None:
        """Pass bytes on until the end, and then the end, where there is a way to say it."""
        while chunk := await self._reader.read(_CHUNK):
            self.count += len(chunk)
            self._writer.write(chunk)
            await self._writer.drain()
        if self._writer.can_write_eof():
            self._writer.write_eof()


async def connect(target: Target) -> Streams:
    """Open a connection to the application.

    Raises:
        RouteRefusedError: the gateway does not lead there.
        Ground2CloudError: the gateway can't be reached, or what answers is none.
    """
    where = f"{target.host}:{target.port}"
    writer: asyncio.StreamWriter | None = None
    try:
        async with asyncio.timeout(TIMEOUT):
            reader, writer = await asyncio.open_connection(
                target.host, target.port, ssl=target.tls, limit=HEAD_LIMIT
            )
            writer.write(target.head())
            await writer.drain()
            head = await reader.readuntil(b"\r\n\r\n")
            await _require_way(head, reader)
    except (TimeoutError, OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError) as error:
        await close(writer)
        raise _unreachable(where, error) from error
    except BaseException:
        await close(writer)
        raise
    return reader, writer


def listen(host: str, port: int) -> socket.socket:
    """Listen for local programs; port 0 takes a free one.

    Raises:
        OSError: it can't listen there.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.create_server((host, port), family=family, backlog=_BACKLOG)
    listener.settimeout(0)
    return listener


async def serve(target: Target, listener: socket.socket, *, silence: float = SILENCE) -> None:
    """Lead every connection through the gateway, until cancelled: then all are ended."""
    tasks: set[asyncio.Task[None]] = set()
    with contextlib.closing(listener):
        try:
            while True:
                sock, _ = await accept(listener)
                task = asyncio.create_task(_lead(target, sock, silence))
                tasks.add(task)
                task.add_done_callback(tasks.discard)
                # One that is cancelled before its first step can't close it by itself.
                task.add_done_callback(lambda _, sock=sock: sock.close())  # type: ignore[misc] # mypy infers no lambda with a default
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)


async def close(*writers: asyncio.StreamWriter | None) -> None:
    """Close what is open; what the other side thinks of it doesn't matter any more."""
    opened = [writer for writer in writers if writer is not None]
    for writer in opened:  # all of them before the first wait: it may be cancelled
        writer.close()
    for writer in opened:
        with contextlib.suppress(OSError, TimeoutError):
            async with asyncio.timeout(1.0):
                await writer.wait_closed()


async def _lead(target: Target, sock: socket.socket, silence: float) -> None:
    near = await asyncio.open_connection(sock=sock)
    far: Streams | None = None
    try:
        far = await connect(target)
        await _join(near, far, silence)
    except Ground2CloudError as error:
        hint = f" - {error.hint}" if error.hint else ""
        log(_log, logging.WARNING, "not-led", f"{error.message}{hint}")
        _reset(near[1])
    except OSError:
        _reset(near[1])
        if far is not None:
            _reset(far[1])
    finally:
        await close(near[1], far[1] if far is not None else None)


def _reset(writer: asyncio.StreamWriter) -> None:
    """End a connection so that the other side sees an error, and not an early end of the data."""
    sock = writer.get_extra_info("socket")
    if sock is not None:
        with contextlib.suppress(OSError):
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_LINGER)
    writer.transport.abort()


async def _join(near: Streams, far: Streams, silence: float) -> None:
    """Carry both ways until both have ended.

    Raises:
        Ground2CloudError: the application is silent, and may wait for an end that TLS can't say.
        OSError: one of them was lost.
    """
    back = Flow(far[0], near[1])
    there = asyncio.create_task(Flow(near[0], far[1]).carry())
    answering = asyncio.create_task(back.carry())
    try:
        await asyncio.wait({there, answering}, return_when=asyncio.FIRST_COMPLETED)
        if answering.done():
            answering.result()  # one that was lost is no end, and nothing to wait behind
        if not there.done() and not back.count:
            log(_log, logging.WARNING, "closed-at-once", _CLOSED_AT_ONCE)
        if not far[1].can_write_eof():
            await there
            await _require_end(answering, back, silence)
        await asyncio.gather(there, answering)
    finally:
        there.cancel()
        answering.cancel()
        await asyncio.gather(there, answering, return_exceptions=True)


async def _require_end(answering: asyncio.Task[None], back: Flow, silence: float) -> None:
    before = -1
    while not answering.done():
        if back.count == before:
            raise Ground2CloudError(
                f"the application was silent for {silence:g} s after the program had sent its last",
                "over https it does not hear of that; if it waits for it, connect with http://",
            )
        before = back.count
        await asyncio.wait({answering}, timeout=silence)


async def _require_way(head: bytes, reader: asyncio.StreamReader) -> None:
    status = _STATUS.match(head)
    if status is None:
        raise Ground2CloudError("what answers there is no gateway", _NO_GATEWAY)
    if status[1] == b"200":
        return
    slug = _ERROR.search(head)
    reason = slug[1].decode() if slug else status[1].decode()
    body = (await reader.read(_BODY_LIMIT)).decode("utf-8", "replace")
    words = _MESSAGE.search(body)
    raise RouteRefusedError(reason, f"{reason}: {words[1]}" if words else reason)


def _unreachable(where: str, error: Exception) -> Ground2CloudError:
    hint = "is it up, and does no firewall between here and there stop this?"
    match error:
        case TimeoutError():
            text = f"the gateway {where} gives no answer"
        case ssl.SSLCertVerificationError():
            text = f"the certificate of {where} is not trusted: {error.verify_message}"
            hint = "--ca-file names a file with whom to trust"
        case ssl.SSLError():
            text = f"{where} speaks no TLS: {error.reason or error}"
            hint = "a gateway without a certificate is http://"
        case OSError():
            text = f"the gateway {where} can't be reached: {error.strerror or error}"
        case _:
            text, hint = f"what answers at {where} is no gateway", _NO_GATEWAY
    return Ground2CloudError(text, hint)
