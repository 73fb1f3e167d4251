"""The local API of the running agent or gateway, and the file that tells where it is.

It must never be the reason that a tunnel is not up: a port that is taken is replaced by a free one,
a full disk or a swept run directory is written to again later, and nothing here raises for either.
"""

import asyncio
import contextlib
import logging
import os
import secrets
import socket
from collections.abc import Callable
from functools import partial
from pathlib import Path

import msgspec
from aiohttp import web

from ground2cloud.logs.fields import log
from ground2cloud.rendering.atomic import write_atomic
from ground2cloud.web import address
from ground2cloud.web.messages import CONTROL_FILE, Control, ControlFile
from ground2cloud.web.routes import make_app

_TOKEN_BYTES = 32
KEEP_INTERVAL = 30.0
"""Seconds between two looks whether `control.json` is still there: directories get swept."""

_SHUTDOWN_TIMEOUT = 1.0  # time for the answer to `stop` to get out
_LOG = logging.getLogger(__name__)

# aiohttp tells of every malformed request with a traceback; any local process could fill the log.
# Defects of our own are logged by the guard.
_HTTP_LOG = logging.getLogger(f"{__name__}.http")
_HTTP_LOG.setLevel(logging.CRITICAL)


class LocalServer:
    """Serves an application on `listen` and writes `control.json` into `run_dir`.

    `make` makes the application for a token. `address` is where it answers (`127.0.0.1:3015`),
    empty while it does not. `keep_interval` is in seconds.
    """

    def __init__(
        self,
        make: Callable[[str], web.Application],
        listen: str,
        run_dir: Path,
        *,
        keep_interval: float = KEEP_INTERVAL,
    ) -> None:
        self._keep_interval = keep_interval
        self.address = ""
        self._token = secrets.token_urlsafe(_TOKEN_BYTES)
        self._listen = listen
        self._file = run_dir / CONTROL_FILE
        self._told = False
        self._site: web.SockSite | None = None
        self._keeper: asyncio.Task[None] | None = None
        self._runner = web.AppRunner(
            make(self._token),
            access_log=None,
            logger=_HTTP_LOG,
            shutdown_timeout=_SHUTDOWN_TIMEOUT,
        )

    async def start(self) -> None:
        """Listen, and say where in `control.json`."""
        await self._runner.setup()
        await self._bind()
        self._keeper = asyncio.create_task(self._keep())

    async def move(self, listen: str) -> None:
        """Answer at another address from now on; what is being answered is answered to its end."""
        if listen == self._listen:
            return
        self._listen = listen
        old = self._site
        await self._bind()
        if old is not None and old is not self._site:
            await old.stop()

    async def close(self) -> None:
        """Stop listening, let running answers out, take `control.json` away."""
        if self._keeper is not None:
            self._keeper.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._keeper
        with contextlib.suppress(OSError):
            if self._token.encode() in self._file.read_bytes():
                self._file.unlink()
        await self._runner.cleanup()
        self.address = ""

    async def _bind(self) -> None:
        sock = _listen_at(self._listen, self.address)
        if sock is None:
            return
        self._site = web.SockSite(self._runner, sock)
        await self._site.start()
        self.address = address.join(*sock.getsockname()[:2])
        log(_LOG, logging.INFO, "api-listens", f"local API at {self.address}")
        self._write()

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
        super().__init__(partial(make_app, control), listen, run_dir, keep_interval=keep_interval)


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
    instead = address.join(*sock.getsockname()[:2])
    text = f"can't listen on {listen} for the local API ({why}); it is at {instead} instead"
    log(_LOG, logging.WARNING, "api-moved", text)
    return sock


def _socket(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    return socket.create_server((host, port), family=family)
