"""The calls of the backchannel, each a line over `Desk`, behind the tokens and the limits.

The order is: who asks, how often, how large, is it JSON, does it mean something, and only then the
desk. A call that is refused on the way has touched nothing.
"""

import re
from collections.abc import Awaitable, Callable
from hashlib import sha256
from typing import TypeVar

import msgspec
from aiohttp import web
from aiohttp.typedefs import Handler

from ground2cloud.backchannel import calls, messages
from ground2cloud.backchannel.calls import BODY_LIMIT, DOCUMENT_PATH, Call
from ground2cloud.backchannel.connections import Connection
from ground2cloud.backchannel.errors import RefusedError, Slug
from ground2cloud.backchannel.guard import guard, read_body, reply
from ground2cloud.backchannel.limits import Buckets, Limits, source_of
from ground2cloud.backchannel.messages import Caller, Desk, Message
from ground2cloud.backchannel.openapi import document
from ground2cloud.core import clock

_BEARER = re.compile(r"(?i:bearer) +([A-Za-z0-9_-]{43})")
_T = TypeVar("_T", bound=Message)
_AGAIN = "register this machine again with a new join string"


def make_app(desk: Desk, authority: str, limits: Limits) -> web.Application:
    """Make the application: every call of API version 1, behind the guard.

    `authority` is the CA certificate as PEM.
    """
    door = _Door(desk, limits)
    answers: dict[Call, Handler] = {
        calls.AUTHORITY: _fixed(msgspec.json.encode(messages.Authority(certificate=authority))),
        calls.REGISTER: _register(door),
        calls.SERVICES: _with_body(
            door, calls.SERVICES, messages.ServicesRequest, desk.set_services
        ),
        calls.CLAIM: _claim(door),
        calls.HEARTBEAT: _with_body(
            door, calls.HEARTBEAT, messages.HeartbeatRequest, desk.heartbeat
        ),
        calls.PROBE: _with_body(door, calls.PROBE, messages.ProbeRequest, desk.probe),
        calls.KEY: _with_body(door, calls.KEY, messages.KeyRequest, desk.propose_key),
        calls.UNREGISTER: _unregister(door),
    }
    app = web.Application(middlewares=[guard], client_max_size=BODY_LIMIT)
    for call, handler in answers.items():
        app.router.add_route(call.method, call.path, handler, expect_handler=_expect)
    app.router.add_route("GET", DOCUMENT_PATH, _fixed(msgspec.json.encode(document())))
    return app


class _Door:
    """Lets in who has a token, and not too often."""

    def __init__(self, desk: Desk, limits: Limits) -> None:
        self.desk = desk
        self.body_timeout = limits.body_timeout
        self._held = limits.held
        self._joins = Buckets(limits.joins)
        self._failures = Buckets(limits.failures)
        self._calls = Buckets(limits.calls)

    def join(self, request: web.Request) -> tuple[str, str]:
        """Answer the hash of the join token and the address that has it; the desk judges it."""
        source = _address(request)
        _pay(self._joins, source_of(source))
        token = _token(request)
        if token is None:
            self.desk.note_refusal(calls.REGISTER.name, Slug.JOIN_UNKNOWN, source)
            raise RefusedError(Slug.JOIN_UNKNOWN, "this call needs the join token as bearer token")
        return _hash(token), source

    async def agent(self, request: web.Request, call: Call) -> Caller:
        """Answer who has this agent token."""
        source = _address(request)
        try:
            who, token_hash = await self._authenticate(request)
        except RefusedError as refusal:
            if refusal.slug != Slug.UNAVAILABLE:  # says nothing about the token
                _pay(self._failures, source_of(source))
                self.desk.note_refusal(call.name, refusal.slug, source)
            raise
        _pay(self._calls, who)
        crowd = 1
        if isinstance(request.protocol, Connection):
            crowd = len(request.protocol.room)
            if request.protocol.room.held_by(who) >= self._held:
                raise RefusedError(Slug.TOO_MANY, "too many calls at one time", retry_after=1)
            request.protocol.owner = who
        return Caller(registration=who, token_hash=token_hash, source=source, crowd=crowd)

    async def _authenticate(self, request: web.Request) -> tuple[int, str]:
        token = _token(request)
        token_hash = "" if token is None else _hash(token)
        who = await self.desk.authenticate(token_hash) if token_hash else None
        if who is None:
            raise RefusedError(Slug.UNAUTHORIZED, "the agent token is missing or wrong", _AGAIN)
        return who, token_hash


def _pay(buckets: Buckets, who: object) -> None:
    wait = buckets.take(who, clock.monotonic())
    if wait:
        raise RefusedError(Slug.TOO_MANY, "too many requests", retry_after=wait)


def _token(request: web.Request) -> str | None:
    given = request.headers.getall("Authorization", [])
    match = _BEARER.fullmatch(given[0]) if len(given) == 1 else None
    return match[1] if match else None


def _hash(token: str) -> str:
    return sha256(token.encode()).hexdigest().upper()


def _address(request: web.Request) -> str:
    return (request.remote or "").removeprefix("::ffff:")


def _fixed(content: bytes) -> Handler:
    async def handle(_request: web.Request) -> web.StreamResponse:
        return reply(content)

    return handle


def _register(door: _Door) -> Handler:
    async def handle(request: web.Request) -> web.StreamResponse:
        join, source = door.join(request)
        body = await read_body(request, messages.RegisterRequest, door.body_timeout)
        answer = await door.desk.register(join, _hash(body.token), body, source)
        return reply(msgspec.json.encode(answer))

    return handle


def _with_body(
    door: _Door, call: Call, kind: type[_T], perform: Callable[[Caller, _T], Awaitable[Message]]
) -> Handler:
    async def handle(request: web.Request) -> web.StreamResponse:
        caller = await door.agent(request, call)
        body = await read_body(request, kind, door.body_timeout)
        return reply(msgspec.json.encode(await perform(caller, body)))

    return handle


def _claim(door: _Door) -> Handler:
    async def handle(request: web.Request) -> web.StreamResponse:
        caller = await door.agent(request, calls.CLAIM)
        try:
            slot = msgspec.convert(request.match_info["slot"], messages.Slot)
        except msgspec.ValidationError:
            raise RefusedError(Slug.SLOT_UNKNOWN, "this is not a slot") from None
        body = await read_body(request, messages.ClaimRequest, door.body_timeout)
        return reply(msgspec.json.encode(await door.desk.claim(caller, slot, body)))

    return handle


def _unregister(door: _Door) -> Handler:
    async def handle(request: web.Request) -> web.StreamResponse:
        caller = await door.agent(request, calls.UNREGISTER)
        return reply(msgspec.json.encode(await door.desk.unregister(caller)))

    return handle


async def _expect(request: web.Request) -> None:
    """Let a client that waits for `100 Continue` go on; any other expectation is ignored."""
    if request.headers.get("Expect", "").lower() == "100-continue":
        await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        request.writer.output_size = 0  # what was sent is no part of the answer
