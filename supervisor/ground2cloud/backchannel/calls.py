"""Every call of API version 1: the one table that routes, document and client are made from."""

from dataclasses import dataclass
from typing import Literal

from ground2cloud.backchannel import messages
from ground2cloud.backchannel.errors import Slug

TIME_HEADER = "Ground2Cloud-Time"
"""On every answer, also a refusal: the gateway's wall clock, in seconds since 1970."""

BODY_LIMIT = 256 * 1024
"""Bytes of a request's or an answer's body; a heartbeat is 64 kB at most."""

DOCUMENT_PATH = "/v1/openapi.json"

_ALWAYS = (Slug.DEFECT, Slug.UNAVAILABLE)
_WITH_BODY = (Slug.MALFORMED, Slug.TOO_SLOW, Slug.TOO_LARGE, Slug.WRONG_TYPE)
_BY_BEARER: dict[str, tuple[Slug, ...]] = {
    "nobody": (),
    "join": (
        Slug.JOIN_UNKNOWN,
        Slug.JOIN_EXPIRED,
        Slug.JOIN_USED,
        Slug.JOIN_SERVICES,
        Slug.TOO_MANY,
    ),
    "agent": (Slug.UNAUTHORIZED, Slug.REVOKED, Slug.CONFLICT, Slug.TOO_MANY),
}


@dataclass(frozen=True, slots=True)
class Call:
    """One call.

    Attributes:
        name: its operationId; a slug.
        path: may hold `{slot}`.
        bearer: whose token it needs.
        request: type of the body, None for none.
        answer: type of the answer with status 200.
        refusals: slugs besides those that every call of its sort may give.
    """

    name: str
    method: Literal["GET", "POST", "PUT", "DELETE"]
    path: str
    bearer: Literal["nobody", "join", "agent"]
    answer: type[messages.Message]
    request: type[messages.Message] | None = None
    refusals: tuple[Slug, ...] = ()

    @property
    def all_refusals(self) -> tuple[Slug, ...]:
        """Every slug this call may refuse with."""
        body = _WITH_BODY if self.request else ()
        return (*_BY_BEARER[self.bearer], *body, *self.refusals, *_ALWAYS)


_SELF = "/v1/registrations/self"

AUTHORITY = Call("authority", "GET", "/v1/ca", "nobody", messages.Authority)
REGISTER = Call(
    "register",
    "POST",
    "/v1/registrations",
    "join",
    messages.Registered,
    messages.RegisterRequest,
    (Slug.KEY_TAKEN, Slug.NO_PORTS, Slug.CONFLICT, Slug.REVOKED),
)
SERVICES = Call(
    "set-services",
    "PUT",
    f"{_SELF}/services",
    "agent",
    messages.ServicesAnswer,
    messages.ServicesRequest,
    (Slug.JOIN_SERVICES, Slug.NO_PORTS),
)
CLAIM = Call(
    "claim",
    "POST",
    f"{_SELF}/lanes/{{slot}}/claim",
    "agent",
    messages.ClaimAnswer,
    messages.ClaimRequest,
    (Slug.SLOT_UNKNOWN,),
)
HEARTBEAT = Call(
    "heartbeat",
    "POST",
    f"{_SELF}/heartbeat",
    "agent",
    messages.HeartbeatAnswer,
    messages.HeartbeatRequest,
)
PROBE = Call(
    "probe",
    "POST",
    f"{_SELF}/probe",
    "agent",
    messages.ProbeAnswer,
    messages.ProbeRequest,
    (Slug.SLOT_UNKNOWN,),
)
KEY = Call(
    "propose-key",
    "PUT",
    f"{_SELF}/key",
    "agent",
    messages.KeyAnswer,
    messages.KeyRequest,
    (Slug.KEY_TAKEN,),
)
UNREGISTER = Call("unregister", "DELETE", _SELF, "agent", messages.Unregistered)

CALLS = (AUTHORITY, REGISTER, SERVICES, CLAIM, HEARTBEAT, PROBE, KEY, UNREGISTER)
"""All of them; the document itself is served beside them at `DOCUMENT_PATH`."""
