"""The local API of the running agent or gateway, and the file that tells where it is.

It must never be the reason that a tunnel is not up: a port that is taken is replaced by a free one,
a full disk or a swept run directory is written to again later, and nothing here raises for either.

aiohttp costs 12 MB and a quarter of a second (measured), and most agents are never asked anything:
until the first caller comes there is only a listening socket.
"""

import asyncio
import contextlib
import importlib
import logging
import os
import secrets
import socket
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from ground2cloud.core import addresses
from ground2cloud.core.accepting import accept
from ground2cloud.logs.fields import log
from ground2cloud.rendering.atomic import write_atomic
from ground2cloud.web import address
from ground2cloud.web.messages import CONTROL_FILE, Control, ControlFile

if TYPE_CHECKING:
    from aiohttp import web

    from ground2cloud.web.site import Site

_TOKEN_BYTES = 32
KEEP_INTERVAL = 30.0
"""Seconds between two looks whether `control.json` is still there: directories get swept."""

_LOG = logging.getLogger(__name__)


class LocalServer:
    """Serves an application on `listen` and writes `control.json` into `run_dir`.

    `make` makes the application for a token, in a thread when the first caller comes. `address` is
    where it answers (`127.0.0.1:3015`), empty while it does not. `keep_interval` is in seconds.
    """

    def __init__(
        self,
        make: Callable[[str], "web.Application"],
        listen: str,
        run_dir: Path,
        *,
        keep_interval: float = KEEP_INTERVAL,
    ) -> None:
        self._make = make
        self._keep_interval = keep_interval
        self.address = ""
        self._token = secrets.token_urlsafe(_TOKEN_BYTES)
        self._listen = listen
        self._file = run_dir / CONTROL_FILE
        self._told = False
        self._socket: socket.socket | None = None
        self._site: Site | None = None
        self._changing = asyncio.Lock()
        self._accepting: asyncio.Task[socket.socket] | None = None
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        """Listen, and say where in `control.json`."""
        await self._bind()
        self._tasks.append(asyncio.create_task(self._keep()))

    async def move(self, listen: str) -> None:
        """Answer at another address from now on; what is being answered is answered to its end."""
        if listen != self._listen:
            self._listen = listen
            await self._bind()

    async def close(self) -> None:
        """Stop listening, let running answers out, take `control.json` away."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        with contextlib.suppress(OSError):
            if self._token.encode() in self._file.read_bytes():
                self._file.unlink()
        if self._site is not None:
            await self._site.close()
        elif self._accepting is not None:
            with contextlib.suppress(asyncio.CancelledError):
                (await self._accepting).close()  # who came just now is not answered any more
        if self._socket is not None:
            self._socket.close()
        self.address = ""

    async def _bind(self) -> None:
        sock = _listen_at(self._listen, self.address)
        if sock is None:
            return
        sock.settimeout(0)
        async with self._changing:
            old, self._socket = self._socket, sock
            if self._site is not None:
                await self._site.move(sock)
            elif old is None:
                self._tasks.append(asyncio.create_task(self._serve()))
            else:
                if self._accepting is not None:
                    self._accepting.cancel()
                    await asyncio.wait({self._accepting})
                old.close()
        self.address = addresses.join(*sock.getsockname()[:2])
        log(_LOG, logging.INFO, "api-listens", f"local API at {self.address}")
        self._write()

    async def _serve(self) -> None:
        """Wait for the first caller, then let aiohttp answer; begin again until it does."""
        while self._site is None:
            accepted = await self._first_caller()
            try:
                await self._hand_over(accepted)
            except Exception as defect:  # noqa: BLE001 - else nobody would answer any more
                accepted.close()
                text = "defect: the local API can't answer; it tries again with the next caller"
                log(_LOG, logging.ERROR, "defect", text, exc_info=defect)

    async def _hand_over(self, accepted: socket.socket) -> None:
        # In a thread: the lanes must be heard meanwhile.
        application = await asyncio.to_thread(self._make, self._token)
        module = await asyncio.to_thread(importlib.import_module, "ground2cloud.web.site")
        async with self._changing:
            assert self._socket is not None
            site: Site = module.Site(application)
            await site.start(self._socket, accepted)
            self._site = site

    async def _first_caller(self) -> socket.socket:
        while True:
            self._accepting = asyncio.create_task(_accept(self._socket))
            try:
                await asyncio.wait({self._accepting})
            finally:
                self._accepting.cancel()
            if not self._accepting.cancelled():
                return self._accepting.result()

    def _write(self) -> None:
        content = ControlFile(address=self.address, token=self._token, pid=os.getpid())
        try:
            write_atomic(self._file, msgspec.json.encode(content), mode=0o600)
        except OSError as error:
            if not self._told:
                text = (
                    f"can't write {self._file}: {error.strerror or error}; `ground2cloud status`"
                    " and the like don't find this program until it can be written"
                )
                log(_LOG, logging.WARNING, "api-unfindable", text)
            self._told = True
        else:
            self._told = False

    async def _keep(self) -> None:
        while True:
            await asyncio.sleep(self._keep_interval)
            with contextlib.suppress(OSError):  # its directory may be closed to us
                if self.address and not self._file.exists():
                    self._write()


class ApiServer(LocalServer):
    """Serves an agent's `control`; the other arguments are those of `LocalServer`."""

    def __init__(
        self,
        control: Control,
        listen: str,
        run_dir: Path,
        *,
        keep_interval: float = KEEP_INTERVAL,
    ) -> None:
        super().__init__(
            partial(_application, control), listen, run_dir, keep_interval=keep_interval
        )


def _application(control: Control, token: str) -> "web.Application":
    """Make the agent's application; imports aiohttp."""
    routes = importlib.import_module("ground2cloud.web.routes")
    made: web.Application = routes.make_app(control, token)
    return made


async def _accept(listening: socket.socket | None) -> socket.socket:
    assert listening is not None
    accepted, _ = await accept(listening)
    return accepted


def _listen_at(listen: str, current: str) -> socket.socket | None:
    """Listen there; if that can't be, on a free port; if it is where we listen already, not."""
    try:
        host, port = address.split(listen)
        if current and address.split(current) == (host, port):
            return None
        return _socket(host, port)
    except (OSError, ValueError) as error:
        reason = error
    try:
        sock = _socket("127.0.0.1", 0)
    except OSError as error:
        text = f"no local API ({error}): `ground2cloud status` and the like can't work"
        log(_LOG, logging.ERROR, "api-off", text)
        return None
    why = getattr(reason, "strerror", None) or reason
    instead = addresses.join(*sock.getsockname()[:2])
    text = f"can't listen on {listen} for the local API ({why}); it is at {instead} instead"
    log(_LOG, logging.WARNING, "api-moved", text)
    return sock


def _socket(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    return socket.create_server((host, port), family=family)
