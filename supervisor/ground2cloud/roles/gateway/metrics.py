"""Figures for Prometheus, computed when they are asked for."""

import asyncio
import logging
import socket
from collections.abc import Awaitable, Callable, Iterable, Iterator
from dataclasses import dataclass

from aiohttp import web
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_LATEST

from ground2cloud import __version__
from ground2cloud.core import addresses
from ground2cloud.logs.fields import log
from ground2cloud.roles.gateway import ports
from ground2cloud.web import address
from ground2cloud.web.gateway_messages import AgentView, ChildView

_log = logging.getLogger(__name__)
_STATES = ("active", "degraded", "no-response", "revoked")
_SERVER = {"Server": "ground2cloud"}


@dataclass(frozen=True, slots=True)
class Figures:
    """What is told. `claims` are counted since the start, by outcome; `waiting` are dials."""

    agents: tuple[AgentView, ...]
    children: tuple[ChildView, ...]
    elements: int
    claims: dict[str, int]
    waiting: int


class _Collector:
    """Answers with one set of figures; prometheus_client asks for them."""

    def __init__(self, figures: Figures) -> None:
        self._figures = figures

    def collect(self) -> Iterator[Metric]:
        """Yield every metric."""
        yield from _gateway(self._figures)
        yield from _agents(self._figures.agents)


def render(figures: Figures) -> bytes:
    """Write the figures as Prometheus reads them."""
    registry = CollectorRegistry()
    registry.register(_Collector(figures))
    return generate_latest(registry)


class MetricsServer:
    """Serves `/metrics` on a loopback address. It must never be why a gateway is not up.

    Args:
        look: answers the figures of now.
        listen: `127.0.0.1:3016`.
    """

    def __init__(self, look: Callable[[], Awaitable[Figures]], listen: str) -> None:
        self.address = ""
        self.trouble = ""
        """Why it does not listen; empty when it does."""
        self._look = look
        self._listen = listen
        app = web.Application()
        app.router.add_get("/metrics", self._answer)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)

    async def start(self) -> None:
        """Listen, or say in the log why not."""
        await self._runner.setup()
        host, port = address.split(self._listen)
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        try:
            sock = socket.create_server((host, port), family=family)
        except OSError as error:
            self.trouble = f"no metrics: {ports.why_not(host, port) or error.strerror}"
            log(_log, logging.WARNING, "metrics-off", self.trouble)
            return
        await web.SockSite(self._runner, sock).start()
        self.address = addresses.join(*sock.getsockname()[:2])

    async def close(self) -> None:
        """Stop listening."""
        await self._runner.cleanup()

    async def _answer(self, _request: web.Request) -> web.Response:
        body = await asyncio.to_thread(render, await self._look())
        return web.Response(body=body, headers={"Content-Type": CONTENT_TYPE_LATEST, **_SERVER})


def _gateway(figures: Figures) -> Iterator[Metric]:
    info = GaugeMetricFamily("ground2cloud_info", "The version that runs.", labels=["version"])
    info.add_metric([__version__], 1)
    yield info
    up = GaugeMetricFamily("ground2cloud_child_up", "Whether a program is up.", labels=["name"])
    starts = CounterMetricFamily(
        "ground2cloud_child_restarts", "How often it was started again.", labels=["name"]
    )
    for child in figures.children:
        up.add_metric([child.name], float(child.state == "ready"))
        starts.add_metric([child.name], child.restarts)
    yield up
    yield starts
    registrations = GaugeMetricFamily(
        "ground2cloud_registrations", "Registrations by state.", labels=["state"]
    )
    for state in _STATES:
        number = sum(agent.state == state for agent in figures.agents)
        registrations.add_metric([state], number)
    yield registrations
    yield _gauge("ground2cloud_elements", "Element keys in force.", figures.elements)
    yield _gauge("ground2cloud_dials_waiting", "Agents that dial or wait to.", figures.waiting)
    claims = CounterMetricFamily("ground2cloud_claims", "Claims by outcome.", labels=["outcome"])
    for outcome, number in sorted(figures.claims.items()):
        claims.add_metric([outcome], number)
    yield claims


def _agents(agents: Iterable[AgentView]) -> Iterator[Metric]:
    labels = ["registration", "service"]
    lanes = GaugeMetricFamily("ground2cloud_lanes", "Lanes that are up.", labels=labels[:1])
    up = GaugeMetricFamily("ground2cloud_service_up", "Whether a lane listens.", labels=labels)
    counters: dict[str, CounterMetricFamily | GaugeMetricFamily] = {
        "requests": CounterMetricFamily(
            "ground2cloud_requests", "Requests and connections to it.", labels=labels
        ),
        "open": GaugeMetricFamily(
            "ground2cloud_open", "Requests and connections that last now.", labels=labels
        ),
        "bytes_in": CounterMetricFamily(
            "ground2cloud_received_bytes", "Bytes from callers.", labels=labels
        ),
        "bytes_out": CounterMetricFamily(
            "ground2cloud_sent_bytes", "Bytes to callers.", labels=labels
        ),
    }
    for agent in agents:
        if agent.state == "revoked":
            continue
        lanes.add_metric([str(agent.id)], len(agent.lanes))
        for service in agent.services:
            values = [str(agent.id), service.name]
            up.add_metric(values, float(service.lights.listener.state == "up"))
            for name, metric in counters.items():
                number = getattr(service, name)
                if number is not None:
                    metric.add_metric(values, number)
    yield lanes
    yield up
    yield from counters.values()


def _gauge(name: str, words: str, value: float) -> Metric:
    return GaugeMetricFamily(name, words, value=value)
