"""What the gateway itself listens on: the backchannel, its local API, its figures."""

from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path

from ground2cloud.backchannel.connections import Room
from ground2cloud.backchannel.limits import Limits
from ground2cloud.backchannel.messages import Desk
from ground2cloud.backchannel.server import BackchannelServer
from ground2cloud.backchannel.tls import Certificates
from ground2cloud.config.gateway_model import GatewayConfig
from ground2cloud.roles.gateway import system
from ground2cloud.roles.gateway.metrics import Figures, MetricsServer
from ground2cloud.web.gateway_messages import GatewayControl
from ground2cloud.web.gateway_routes import make_gateway_app
from ground2cloud.web.server import LocalServer

RESERVED = 256
"""Files that connections of the backchannel leave to the rest of the gateway. It has two dozen open
when nothing happens, and one more for each probe that is under way."""

FEWEST = 32
"""Connections of the backchannel that there may be in any case."""


class Doors:
    """Opened at the start, moved when the configuration says other places.

    Args:
        config: where.
        run: the run directory, where the local API is to be found.
        control: answers the local API.
        figures: what the metrics tell.
    """

    def __init__(
        self,
        config: GatewayConfig,
        run: Path,
        control: GatewayControl,
        figures: Callable[[], Awaitable[Figures]],
    ) -> None:
        self._figures = figures
        self._api = LocalServer(partial(make_gateway_app, control), config.api.listen, run)
        self._metrics = MetricsServer(figures, config.metrics.listen)
        self._metrics_at = config.metrics.listen
        self._room = Room(max(FEWEST, min(Limits().connections, system.open_files() - RESERVED)))
        self._backchannels: dict[tuple[str, int], BackchannelServer] = {}

    async def open(self, config: GatewayConfig, desk: Desk, certificates: Certificates) -> None:
        """Listen everywhere.

        Raises:
            OSError: the backchannel can't listen.
        """
        self._desk, self._certificates = desk, certificates
        await self._move_backchannel(config)
        await self._api.start()
        await self._metrics.start()

    async def move(self, config: GatewayConfig) -> None:
        """Listen where it says now; what is being answered is answered to its end.

        Raises:
            OSError: the backchannel can't listen there; it listens where it did.
        """
        await self._move_backchannel(config)
        await self._api.move(config.api.listen)
        if config.metrics.listen != self._metrics_at:
            await self._metrics.close()
            self._metrics_at = config.metrics.listen
            self._metrics = MetricsServer(self._figures, config.metrics.listen)
            await self._metrics.start()

    async def close(self) -> None:
        """Stop listening."""
        for place in list(self._backchannels):
            await self._close_backchannel(place)
        await self._api.close()
        await self._metrics.close()

    @property
    def metrics(self) -> str:
        """Where the figures are."""
        return self._metrics.address

    @property
    def trouble(self) -> str:
        """Why there are no figures; empty where there are."""
        return self._metrics.trouble

    async def _move_backchannel(self, config: GatewayConfig) -> None:
        wanted = {(host, config.backchannel.port) for host in config.backchannel.listen}
        old = {place: self._backchannels[place] for place in self._backchannels.keys() - wanted}
        # All addresses of a port and one of them can't both be listened on.
        in_the_way = [place for place in old if place[1] == config.backchannel.port]
        for place in in_the_way:
            await self._close_backchannel(place)
        opened = []
        try:
            for place in sorted(wanted - self._backchannels.keys()):
                await self._open_backchannel(place)
                opened.append(place)
        except OSError:
            for place in opened:
                await self._close_backchannel(place)
            for place in in_the_way:
                await self._open_backchannel(place)
            raise
        for place in old.keys() - set(in_the_way):
            await self._close_backchannel(place)

    async def _open_backchannel(self, place: tuple[str, int]) -> None:
        server = BackchannelServer(self._desk, self._certificates, *place, room=self._room)
        await server.start()
        self._backchannels[place] = server

    async def _close_backchannel(self, place: tuple[str, int]) -> None:
        await self._backchannels.pop(place).close()
