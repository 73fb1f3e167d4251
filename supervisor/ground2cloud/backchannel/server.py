"""The backchannel as it runs: TLS, a certificate that renews itself, one listening socket."""

import asyncio
import contextlib
import logging
import socket

from aiohttp import web

from ground2cloud.backchannel.connections import Doorway, Room
from ground2cloud.backchannel.limits import Limits
from ground2cloud.backchannel.messages import Desk
from ground2cloud.backchannel.routes import make_app
from ground2cloud.backchannel.tls import Certificates
from ground2cloud.core import clock
from ground2cloud.logs.fields import log

RENEW_INTERVAL = 3600.0
"""Seconds between two looks at the certificate's age."""

_SHUTDOWN_TIMEOUT = 10.0  # seconds for calls that run to be answered
_LINGERING = 1.0  # seconds for a body that was refused to be sent all the same
_BACKLOG = 1024
_LOG = logging.getLogger(__name__)

# aiohttp tells of every malformed request with a traceback; anyone could fill the log.
# Defects of our own are logged by the guard.
_HTTP_LOG = logging.getLogger(f"{__name__}.http")
_HTTP_LOG.setLevel(logging.CRITICAL)


class BackchannelServer:
    """Serves `desk` over TLS.

    Args:
        desk: the running gateway.
        certificates: what it shows.
        host: address to listen on; `::` takes IPv4 as well.
        port: 0 takes a free one.
        limits: what is allowed to strangers.
        room: shared with other servers of the same process; by default its own.
        renew_interval: seconds.
    """

    def __init__(
        self,
        desk: Desk,
        certificates: Certificates,
        host: str,
        port: int,
        *,
        limits: Limits | None = None,
        room: Room | None = None,
        renew_interval: float = RENEW_INTERVAL,
    ) -> None:
        self.port = port
        self._host = host
        self._certificates = certificates
        self._limits = limits or Limits()
        self._room = Room(self._limits.connections) if room is None else room
        self._renew_interval = renew_interval
        self._runner = web.AppRunner(
            make_app(desk, certificates.authority, self._limits),
            shutdown_timeout=_SHUTDOWN_TIMEOUT,
        )
        self._doorway: Doorway | None = None
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        """Listen; `port` then is the real one.

        Raises:
            OSError: it can't listen there.
        """
        listener = _listen(self._host, self.port)
        self.port = listener.getsockname()[1]
        await self._runner.setup()
        server = self._runner.server
        assert server is not None
        self._doorway = Doorway(
            server,
            lambda: self._certificates.context,
            self._limits,
            self._room,
            logger=_HTTP_LOG,
            access_log=None,
            auto_decompress=False,
            lingering_time=_LINGERING,
        )
        self._tasks = [
            asyncio.create_task(self._accept(self._doorway, listener)),
            asyncio.create_task(self._renew()),
        ]
        text = f"backchannel at {self._host} port {self.port}"
        log(_LOG, logging.INFO, "backchannel-listens", text)

    async def close(self) -> None:
        """Stop listening, let running calls be answered, end the connections."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._runner.cleanup()
        if self._doorway is not None:
            await self._doorway.close()

    async def _accept(self, doorway: Doorway, listener: socket.socket) -> None:
        with contextlib.closing(listener):
            await doorway.accept(listener)

    async def _renew(self) -> None:
        while True:
            await asyncio.sleep(self._renew_interval)
            try:
                renewed = await asyncio.to_thread(self._certificates.renew, clock.wall())
            except (OSError, ValueError) as error:
                text = f"can't renew the backchannel's certificate: {error}"
                log(_LOG, logging.ERROR, "certificate-not-renewed", text)
            else:
                if renewed:
                    text = "the backchannel's certificate is renewed"
                    log(_LOG, logging.INFO, "certificate-renewed", text)


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    both = host == "::" and socket.has_dualstack_ipv6()
    listener = socket.create_server(
        (host, port), family=family, backlog=_BACKLOG, dualstack_ipv6=both
    )
    listener.settimeout(0)
    return listener
