"""What may go wrong between agent and gateway, by what the caller does about it.

The gateway refuses with `RefusedError`; over the wire it becomes a `Fault`, and on the agent's side
a `RefusedError` again, with the same slug. The other three are the agent's own findings.
"""

from enum import StrEnum

from ground2cloud.errors import Ground2CloudError


class Slug(StrEnum):
    """Every reason for a refusal. None may be taken away or change its meaning."""

    MALFORMED = "malformed"
    """The request is not what the API document says."""
    UNAUTHORIZED = "unauthorized"
    """The agent token is missing, wrong, or of a registration that is gone."""
    JOIN_UNKNOWN = "join-unknown"
    """The join token is missing or not one of this gateway."""
    JOIN_EXPIRED = "join-expired"
    """The join token was valid once."""
    JOIN_USED = "join-used"
    """The join token has made its registration already."""
    JOIN_SERVICES = "join-services"
    """The join token is not for these services."""
    REVOKED = "revoked"
    """The registration was revoked by the gateway's operator."""
    NOT_FOUND = "not-found"
    """There is no such call."""
    SLOT_UNKNOWN = "slot-unknown"
    """The slot is not one of this registration."""
    WRONG_METHOD = "wrong-method"
    """The call exists with another method."""
    TOO_SLOW = "too-slow"
    """The request did not arrive in time."""
    KEY_TAKEN = "key-taken"
    """The public key belongs to another registration, or did once."""
    CONFLICT = "conflict"
    """What is asked for does not fit what is; the message says how."""
    TOO_LARGE = "too-large"
    """The request is larger than any honest one."""
    WRONG_TYPE = "wrong-type"
    """The body is not declared as application/json."""
    NO_PORTS = "no-ports"
    """The gateway has no tunnel port left."""
    TOO_MANY = "too-many"
    """Too many requests from this address or registration; `Retry-After` says when to come back."""
    DEFECT = "defect"
    """A defect of the gateway; its log has the details."""
    UNAVAILABLE = "unavailable"
    """The gateway can't do it just now; try again."""


STATUS: dict[Slug, int] = {
    Slug.MALFORMED: 400,
    Slug.UNAUTHORIZED: 401,
    Slug.JOIN_UNKNOWN: 401,
    Slug.JOIN_EXPIRED: 403,
    Slug.JOIN_USED: 403,
    Slug.JOIN_SERVICES: 403,
    Slug.REVOKED: 403,
    Slug.NOT_FOUND: 404,
    Slug.SLOT_UNKNOWN: 404,
    Slug.WRONG_METHOD: 405,
    Slug.TOO_SLOW: 408,
    Slug.KEY_TAKEN: 409,
    Slug.CONFLICT: 409,
    Slug.NO_PORTS: 409,
    Slug.TOO_LARGE: 413,
    Slug.WRONG_TYPE: 415,
    Slug.TOO_MANY: 429,
    Slug.DEFECT: 500,
    Slug.UNAVAILABLE: 503,
}
"""The status code of each."""


class RefusedError(Ground2CloudError):
    """The gateway says no. `slug` tells programs why, message and hint tell people.

    `retry_after` in seconds where coming back helps, else None. On the agent's side `slug` may be
    one that this version does not know; then it is plain text.
    """

    def __init__(
        self,
        slug: Slug | str,
        message: str,
        hint: str = "",
        *,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(message, hint)
        self.slug = slug
        self.retry_after = retry_after


class UnreachableError(Ground2CloudError):
    """No gateway answered in time. The next attempt may succeed."""


class SilentError(UnreachableError):
    """Nobody refused: there was no answer in time, and the next attempt would take as long."""


class UntrustedError(Ground2CloudError):
    """What answers is not the gateway that was named: its CA or its certificate is wrong."""


class NotUnderstoodError(Ground2CloudError):
    """The gateway's answer breaks the rules of the API: nothing in it is used."""
