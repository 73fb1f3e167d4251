"""Who may speak to the API, and in which form it refuses.

A request must name this machine's loopback in its Host header (a web page whose name was made to
resolve to 127.0.0.1 names itself there) and carry the token of `control.json`. There is no CORS:
no page of another origin may read an answer. Every refusal is an `Answer` as JSON.
"""

import logging
from hmac import compare_digest

import msgspec
from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from ground2cloud.logs.fields import log
from ground2cloud.web.messages import Answer

BODY_LIMIT = 1024
"""Bytes of a request's body; no request of this API needs one."""

_HTTP_PORT = 80
_LOG = logging.getLogger(__name__)


def reply(content: msgspec.Struct, status: int = 200) -> web.Response:
    """Answer with `content` as JSON, for this reader and this moment only."""
    return web.Response(
        status=status,
        body=msgspec.json.encode(content),
        content_type="application/json",
        headers={
            "Cache-Control": "no-store",
            "X-Content-Type-Options": "nosniff",
            "Server": "ground2cloud",  # the versions of Python and aiohttp are nobody's business
        },
    )


def refuse(status: int, message: str, hint: str = "") -> web.Response:
    """Answer that it can't be done, and why."""
    return reply(Answer(ok=False, message=message, hint=hint), status)


def make_guard(token: str) -> Middleware:
    """Make the middleware that every request passes first."""

    @web.middleware
    async def guard(request: web.Request, handler: Handler) -> web.StreamResponse:
        if not _names_loopback(request):
            return refuse(403, "the Host header does not name this machine's loopback")
        if not _carries(request, token):
            response = refuse(401, "the token is missing or wrong", "it is in control.json")
            response.headers["WWW-Authenticate"] = "Bearer"
            return response
        return await _answer(request, handler)

    return guard


def _names_loopback(request: web.Request) -> bool:
    transport = request.transport
    if transport is None:
        return False
    port = transport.get_extra_info("sockname")[1]
    names = ("127.0.0.1", "localhost", "[::1]")
    allowed = {f"{name}:{port}" for name in names}
    if port == _HTTP_PORT:
        allowed.update(names)
    return [host.lower() in allowed for host in request.headers.getall("Host", ())] == [True]


def _carries(request: web.Request, token: str) -> bool:
    given = request.headers.get("Authorization", "")
    return compare_digest(given.encode("utf-8", "surrogateescape"), f"Bearer {token}".encode())


async def _answer(request: web.Request, handler: Handler) -> web.StreamResponse:
    try:
        await request.read()  # raises over the limit; nothing in it matters
        return await handler(request)
    except web.HTTPException as error:
        response = refuse(error.status, error.reason.lower())
        if "Allow" in error.headers:
            response.headers["Allow"] = error.headers["Allow"]
        return response
    except Exception as defect:  # noqa: BLE001 - a defect here must not end the tunnel
        text = f"defect in the local API at {request.method} {request.path}"
        log(_LOG, logging.ERROR, "api-defect", text, exc_info=defect)
        return refuse(500, "this is a defect of the program", "the details are in the log")
