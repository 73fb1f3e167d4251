"""What a caller is told when the router refuses, or can't do it: one table for HTTP and CONNECT.

The slug goes into the header `Ground2Cloud-Error` and into the JSON body.
"""

import json
from dataclasses import dataclass

HEADER = "Ground2Cloud-Error"


@dataclass(frozen=True, slots=True)
class Answer:
    """One way to be refused. The message is ASCII without quotes: it stands in three languages."""

    error: str
    status: int
    message: str

    @property
    def body(self) -> str:
        """The JSON that is sent."""
        return json.dumps({"error": self.error, "message": self.message})


_BAD_REQUEST = Answer("bad-request", 400, "The request is not proper HTTP/1.1.")
_REQUEST_TIMEOUT = Answer("request-timeout", 408, "The head of the request did not come in time.")
_TUNNEL_DOWN = Answer("tunnel-down", 503, "The tunnel to this service is down at the moment.")

REFUSALS = (
    _BAD_REQUEST,
    Answer(
        "route-ambiguous", 400, "More than one Ground2Cloud-Route header, or more than one Host."
    ),
    Answer(
        "connect-not-first",
        400,
        "CONNECT must be the first request on a connection; open another one for it.",
    ),
    Answer(
        "not-http",
        400,
        "This service speaks no HTTP: open a tunnel to it with CONNECT.",
    ),
    Answer(
        "no-key",
        401,
        "Send the element key in Ground2Cloud-Key, or in Proxy-Authorization as Bearer or as the"
        " password of Basic.",
    ),
    Answer("key-ambiguous", 401, "More than one element key was sent."),
    Answer("wrong-key", 401, "This element key is not known; it may have been revoked."),
    Answer("key-expired", 401, "This element key has expired."),
    Answer("source-not-allowed", 403, "This element key may not be used from this address."),
    Answer("not-granted", 403, "This element key does not open this service."),
    Answer(
        "unknown-route",
        404,
        "There is no such registration or service. Name one by the host name or in"
        " Ground2Cloud-Route as 1001/service.",
    ),
    _REQUEST_TIMEOUT,
    Answer("too-many-connections", 429, "This element has too many connections at once."),
    Answer("source-crowded", 429, "There are too many connections from this address at once."),
    Answer("too-many-requests", 429, "This element makes too many requests a second."),
    Answer("head-too-large", 431, "The head of the request is too large."),
    _TUNNEL_DOWN,
)
"""What the router's own rules refuse with; `tunnel-down` also stands for a refused connection."""

FAULTS = (
    _BAD_REQUEST,
    _REQUEST_TIMEOUT,
    Answer("router-error", 500, "The router could not handle this request."),
    Answer(
        "application-unreachable",
        502,
        "The tunnel is up, but the application closed the connection without a proper answer.",
    ),
    _TUNNEL_DOWN,
    Answer("application-timeout", 504, "The application did not answer in time."),
)
"""What HAProxy itself answers with these statuses."""
