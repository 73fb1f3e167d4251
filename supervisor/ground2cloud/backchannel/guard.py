"""How the server answers: JSON, one request to a connection, its own time on every answer."""

import asyncio
import logging
from math import ceil
from typing import TypeVar

import msgspec
from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from ground2cloud.backchannel.calls import BODY_LIMIT, DOCUMENT_PATH, TIME_HEADER
from ground2cloud.backchannel.errors import STATUS, RefusedError, Slug
from ground2cloud.backchannel.messages import Fault, Message
from ground2cloud.core import clock
from ground2cloud.logs.fields import log

_JSON = "application/json"
_UNAUTHORIZED = 401
_LONGEST = 1000  # characters, as Fault has it
_LOG = logging.getLogger(__name__)

_T = TypeVar("_T", bound=Message)

_OF_HTTP = {
    404: RefusedError(Slug.NOT_FOUND, "there is no such call"),
    405: RefusedError(Slug.WRONG_METHOD, "this call exists with another method"),
    413: RefusedError(Slug.TOO_LARGE, f"the body is larger than {BODY_LIMIT} bytes"),
}
"""Refusals by aiohttp itself; any other is the request's fault as well."""

_MALFORMED = RefusedError(Slug.MALFORMED, "this is not a request that can be understood")


def reply(content: bytes, status: int = 200) -> web.Response:
    """Answer with JSON, for this reader and this moment only."""
    response = web.Response(
        status=status,
        body=content,
        content_type=_JSON,
        headers={
            TIME_HEADER: f"{clock.wall():.3f}",
            "Cache-Control": "no-store",
            "X-Content-Type-Options": "nosniff",
            "Server": "ground2cloud",  # the versions of Python and aiohttp are nobody's business
        },
    )
    response.force_close()
    return response


def refuse(refusal: RefusedError) -> web.Response:
    """Answer that it can't be done, and why."""
    status = STATUS[Slug(refusal.slug)]
    fault = Fault(
        error=refusal.slug, message=refusal.message[:_LONGEST], hint=refusal.hint[:_LONGEST]
    )
    response = reply(msgspec.json.encode(fault), status)
    if status == _UNAUTHORIZED:
        response.headers["WWW-Authenticate"] = "Bearer"
    if refusal.retry_after is not None:
        response.headers["Retry-After"] = str(ceil(refusal.retry_after))
    return response


def refuse_garbage() -> web.Response:
    """Answer to what isn't HTTP."""
    return refuse(_MALFORMED)


@web.middleware
async def _guard(request: web.Request, handler: Handler) -> web.StreamResponse:
    try:
        return await handler(request)
    except RefusedError as refusal:
        return refuse(refusal)
    except web.HTTPException as error:
        response = refuse(_OF_HTTP.get(error.status, _MALFORMED))
        if "Allow" in error.headers:
            response.headers["Allow"] = error.headers["Allow"]
        return response
    except Exception as defect:  # noqa: BLE001 - a defect here must not end the gateway
        text = f"defect in the backchannel at {request.method} {request.path!r}"
        log(_LOG, logging.ERROR, "backchannel-defect", text, exc_info=defect)
        return refuse(
            RefusedError(Slug.DEFECT, "this is a defect of the gateway", "its log has the details")
        )


guard: Middleware = _guard
"""The middleware that every request passes first."""


async def read_body(request: web.Request, kind: type[_T], timeout: float) -> _T:  # noqa: ASYNC109 - the caller names the bound, this function keeps it
    """Read and decode a body within `timeout` seconds.

    Raises:
        RefusedError: it isn't JSON of this kind, is too large, or does not come.
    """
    if request.content_type != _JSON or "Content-Encoding" in request.headers:
        raise RefusedError(Slug.WRONG_TYPE, f"expected a body of type {_JSON}, not encoded")
    if (request.content_length or 0) > BODY_LIMIT:
        raise _OF_HTTP[413]
    try:
        async with asyncio.timeout(timeout):
            body = await request.read()
    except TimeoutError:
        raise RefusedError(Slug.TOO_SLOW, f"no body within {timeout:g} s") from None
    except (web.RequestPayloadError, ConnectionError):
        raise _MALFORMED from None
    return decode(body, kind)


def decode(body: bytes, kind: type[_T]) -> _T:
    """Take a body for what it must be.

    Raises:
        RefusedError: it isn't.
    """
    try:
        return msgspec.json.decode(body, type=kind)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        reason = str(error)
    except RecursionError:
        reason = "nested too deep"
    raise RefusedError(Slug.MALFORMED, reason, f"see {DOCUMENT_PATH}")
