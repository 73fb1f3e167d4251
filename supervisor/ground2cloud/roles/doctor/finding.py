"""What the doctor says about one link of the chain."""

from collections.abc import Awaitable
from enum import StrEnum

from msgspec import Struct
from msgspec.structs import replace

from ground2cloud.core.clock import monotonic

NOT_TRIED = "not tried: something before it is broken"
NO_SERVICE = "there is no service to offer"


class Result(StrEnum):
    """How a link is."""

    GOOD = "good"
    BAD = "bad"
    UNKNOWN = "unknown"
    """Not tried, because of what is broken before it, or not to be known from here."""


class Finding(Struct, frozen=True):
    """One link: `hint` says what to do where it is bad, `seconds` how long it took to find out."""

    step: str
    result: Result
    message: str
    hint: str = ""
    seconds: float | None = None


def good(step: str, message: str) -> Finding:
    """Make a finding of a link that holds."""
    return Finding(step, Result.GOOD, message)


def bad(step: str, message: str, hint: str = "") -> Finding:
    """Make a finding of a link that is broken."""
    return Finding(step, Result.BAD, message, hint)


def unknown(step: str, message: str, hint: str = "") -> Finding:
    """Make a finding of a link that nothing can be said about."""
    return Finding(step, Result.UNKNOWN, message, hint)


async def timed(finding: Awaitable[Finding]) -> Finding:
    """Add the time that it took."""
    begun = monotonic()
    found = await finding
    return replace(found, seconds=monotonic() - begun)
