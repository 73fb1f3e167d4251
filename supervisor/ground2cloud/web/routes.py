"""The calls of the local API, each a few lines over `Control`."""

from collections.abc import Awaitable, Callable
from difflib import get_close_matches

from aiohttp import web
from aiohttp.typedefs import Handler

from ground2cloud.web.guard import BODY_LIMIT, make_guard, refuse, reply
from ground2cloud.web.messages import Answer, Control


def make_app(control: Control, token: str) -> web.Application:
    """Make the application: every call of API version 1, behind the guard."""
    app = web.Application(middlewares=[make_guard(token)], client_max_size=BODY_LIMIT)
    app.router.add_get("/v1/status", _status(control))
    app.router.add_post("/v1/reload", _request(control.reload))
    app.router.add_post("/v1/restart", _request(control.restart))
    app.router.add_post("/v1/stop", _request(control.stop))
    app.router.add_post("/v1/services/{name}/pause", _service(control, control.pause))
    app.router.add_post("/v1/services/{name}/resume", _service(control, control.resume))
    return app


def _status(control: Control) -> Handler:
    async def handle(_request: web.Request) -> web.StreamResponse:
        return reply(control.status())

    return handle


def _request(perform: Callable[[], Awaitable[Answer]]) -> Handler:
    async def handle(_request: web.Request) -> web.StreamResponse:
        return _reply(await perform())

    return handle


def _service(control: Control, perform: Callable[[str], Awaitable[Answer]]) -> Handler:
    async def handle(request: web.Request) -> web.StreamResponse:
        name = request.match_info["name"]
        names = [service.name for service in control.status().services]
        if name not in names:
            return _unknown(name, names)
        return _reply(await perform(name))

    return handle


def _unknown(name: str, names: list[str]) -> web.Response:
    close = get_close_matches(name, names, n=1)
    hint = f"did you mean {close[0]}?" if close else f"there is: {', '.join(names) or 'none'}"
    return refuse(404, f'no service is called "{name}"', hint)


def _reply(answer: Answer) -> web.Response:
    return reply(answer, 200 if answer.ok else 409)
