"""How long to wait before the next attempt: full jitter, clamped, reset after proven uptime.

Pure: the randomness comes in as a number. Full jitter spreads a thousand agents that lost the
same gateway best (measured by Amazon's "Exponential Backoff and Jitter").
"""

from dataclasses import dataclass

FIRST_RETRY = 0.005
"""Seconds; upper bound of the wait after a child that was ready."""


@dataclass(frozen=True, slots=True)
class BackoffPolicy:
    """Bounds of the waits, in seconds.

    `initial` bounds the first wait and doubles with each further one up to `maximum`; a child that
    was ready for `reset_after` starts over.
    """

    initial: float = 0.5
    maximum: float = 15.0
    reset_after: float = 10.0

    def delay(self, failures: int, luck: float) -> float:
        """Seconds to wait after the `failures`-th failure in a row, counted from 0.

        Failure 0 is the end of a child that was ready: retried within `FIRST_RETRY`. `luck` is
        uniform in [0, 1).
        """
        if failures <= 0:
            return min(FIRST_RETRY, self.maximum) * luck
        # Clamp the exponent: 2 ** 1100 is no float, and a child may fail for years.
        bound = min(self.maximum, self.initial * 2.0 ** min(failures - 1, 62))
        return bound * luck
