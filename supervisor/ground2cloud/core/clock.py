"""The clocks. Supervision runs on the monotonic one; the wall clock is for people and the log."""

import time
from datetime import UTC, datetime


def monotonic() -> float:
    """Seconds that never jump; comparable within this process only.

    The finest clock: `time.monotonic` goes in steps of 16 ms on Windows before Python 3.13, and a
    round trip takes one. On Linux the two are the same.
    """
    return time.perf_counter()


def wall() -> float:
    """Seconds since 1970; may jump either way at any time."""
    return time.time()  # noqa: TID251 - the one module that reads the wall clock


def iso(seconds: float) -> str:
    """The wall-clock time as ISO 8601 in UTC with milliseconds: `2026-11-22T10:15:03.120Z`."""
    moment = datetime.fromtimestamp(seconds, UTC)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}Z"


def iso_at(moment: float | None) -> str | None:
    """A monotonic moment of this process as wall-clock text; None stays None."""
    return None if moment is None else iso(wall() - (monotonic() - moment))
