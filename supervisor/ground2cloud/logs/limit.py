"""Keep a talkative source (ssh's stderr) from filling the log, and say what was kept back.

Pure: time comes in as an argument, nothing sleeps. What stands in the log afterwards accounts for
every line: it was shown, or counted as repeated, or counted as left out.
"""

from typing import NamedTuple

RATE = 2.0
"""Lines a second in the long run: more than anyone reads, and less than 20 MB a day."""

BURST = 100
"""Lines at once. One connect of ssh with everything it has to say at DEBUG1 is about 80."""

TELL_AFTER = 10.0
"""Seconds after which a line that never stops repeating is mentioned again."""


class Said(NamedTuple):
    """One line to log: the source's own words, or a note of ours about them."""

    text: str
    note: bool = False


class Repeats:
    """The limit of one source. Times are monotonic seconds.

    Keep one for as long as the source is wanted, not one for each run of it: a child that fails
    every second with the same words is one source.

    Args:
        rate: lines a second in the long run, more than 0.
        burst: lines at once, 1 or more.
        tell_after: seconds between two mentions of a line that goes on repeating.
    """

    def __init__(
        self, rate: float = RATE, burst: int = BURST, tell_after: float = TELL_AFTER
    ) -> None:
        self._rate = rate
        self._burst = burst
        self._tell_after = tell_after
        self._tokens = float(burst)
        self._at = float("-inf")
        self._last: str | None = None
        self._told_at = 0.0
        self._repeated = 0
        self._left_out = 0

    def feed(self, line: str, now: float) -> list[Said]:
        """Take a line; answer what to log now, often just this line, sometimes nothing."""
        if line == self._last:
            self._repeated += 1
            if now - self._told_at < self._tell_after:
                return []
            self._told_at = now
            return self.end()
        if not self._allowed(now):
            self._left_out += 1
            self._last = None
            return []
        notes = self.end()
        self._last = line
        self._told_at = now
        return [*notes, Said(line)]

    def end(self) -> list[Said]:
        """Answer the notes that are owed; call it when the source ends or falls silent."""
        notes = []
        if self._repeated:
            notes.append(Said(f"the last line came {_times(self._repeated)} more", note=True))
        if self._left_out:
            lines = "1 line" if self._left_out == 1 else f"{self._left_out} lines"
            notes.append(Said(f"{lines} left out: too many at once", note=True))
        self._repeated = self._left_out = 0
        return notes

    def _allowed(self, now: float) -> bool:
        self._tokens = min(self._burst, self._tokens + max(0.0, now - self._at) * self._rate)
        self._at = now
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count} times"
