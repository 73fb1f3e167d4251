"""What the registry refuses, in the words of the backchannel. Pure."""

from ground2cloud.backchannel.errors import RefusedError, Slug
from ground2cloud.registry import errors as registry

SLUGS = {
    "token-unknown": Slug.JOIN_UNKNOWN,
    "token-used": Slug.JOIN_USED,
    "token-expired": Slug.JOIN_EXPIRED,
    "service-not-allowed": Slug.JOIN_SERVICES,
    "key-in-use": Slug.KEY_TAKEN,
    "no-free-port": Slug.NO_PORTS,
    "revoked": Slug.REVOKED,
    "agent-unknown": Slug.UNAUTHORIZED,
    "too-many-services": Slug.MALFORMED,
    "unknown-key": Slug.CONFLICT,
    "bad-key": Slug.MALFORMED,
    "bad-name": Slug.MALFORMED,
    "bad-service": Slug.MALFORMED,
}
"""By the registry's reason; any other is a conflict."""

RETRY_AFTER = 5.0
"""Seconds after which an agent may try again when the database can't be used."""


def refusal(error: registry.RefusedError) -> RefusedError:
    """Say it as the backchannel does."""
    return RefusedError(SLUGS.get(error.reason, Slug.CONFLICT), error.message, error.hint)


def unavailable() -> RefusedError:
    """Say that disk or database can't be used now; why is the operator's to know, from the log."""
    message = "the gateway can't do it at the moment"
    return RefusedError(Slug.UNAVAILABLE, message, retry_after=RETRY_AFTER)
