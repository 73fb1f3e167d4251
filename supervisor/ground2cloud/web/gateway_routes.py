"""The calls of the gateway's local API, each a few lines over `GatewayControl`."""

from collections.abc import Awaitable, Callable

import msgspec
from aiohttp import web
from aiohttp.typedefs import Handler

from ground2cloud.web.gateway_messages import GatewayControl
from ground2cloud.web.guard import BODY_LIMIT, make_guard, refuse, reply
from ground2cloud.web.messages import Answer

_LAST_ID = 2**31 - 1


def make_gateway_app(control: GatewayControl, token: str) -> web.Application:
    """Make the application: every call of API version 1, behind the guard."""
    app = web.Application(middlewares=[make_guard(token)], client_max_size=BODY_LIMIT)
    app.router.add_get("/v1/status", _show(control.status))
    app.router.add_get("/v1/agents", _show(control.agents))
    app.router.add_post("/v1/refresh", _refresh(control))
    app.router.add_post("/v1/registrations/{id}/refresh", _refresh(control))
    app.router.add_post("/v1/reload", _request(control.reload))
    app.router.add_post("/v1/restart", _request(control.restart))
    app.router.add_post("/v1/stop", _request(control.stop))
    return app


def _show(look: Callable[[], Awaitable[msgspec.Struct]]) -> Handler:
    async def handle(_request: web.Request) -> web.StreamResponse:
        return reply(await look())

    return handle


def _refresh(control: GatewayControl) -> Handler:
    async def handle(request: web.Request) -> web.StreamResponse:
        text = request.match_info.get("id")
        if text is None:
            return _answer(await control.refresh(None))
        if not (text.isascii() and text.isdigit() and len(text) <= len(str(_LAST_ID))):
            return refuse(404, "this is no registration's number")
        return _answer(await control.refresh(int(text)))

    return handle


def _request(ask: Callable[[], Awaitable[Answer]]) -> Handler:
    async def handle(_request: web.Request) -> web.StreamResponse:
        return _answer(await ask())

    return handle


def _answer(answer: Answer) -> web.Response:
    return reply(answer, 200 if answer.ok else 409)
