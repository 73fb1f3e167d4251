"""A heartbeat through a child that echoes: numbered lines out, the same lines back, timed.

Pure; time is an argument. A child that never echoed proves nothing by its silence (its command may
be `sleep infinity`); one that did, and stopped, is dead or frozen.
"""

from ground2cloud.core.lines import Lines

_WORD = "g2c-heartbeat"


class Heartbeat:
    """The beats of one run, times in seconds.

    `round_trip` is the newest measured time there and back, `answered_at` when it was measured;
    both None before the first answer.
    """

    def __init__(self) -> None:
        self.round_trip: float | None = None
        self.answered_at: float | None = None
        self._lines = Lines(limit=256)
        self._count = 0
        self._sent_at: float | None = None

    def beat(self, now: float) -> bytes:
        """Answer the line to send. A beat still unanswered keeps its own time."""
        if self._sent_at is None:
            self._count += 1
            self._sent_at = now
        return f"{_WORD} {self._count}\n".encode()

    def heard(self, chunk: bytes, now: float) -> bool:
        """Take what the child printed; answer whether the awaited beat came back with it."""
        awaited = f"{_WORD} {self._count}"
        if awaited not in self._lines.feed(chunk) or self._sent_at is None:
            return False
        self.round_trip = now - self._sent_at
        self.answered_at = now
        self._sent_at = None
        return True

    def silent_for(self, now: float) -> float:
        """Seconds for which an echoing child has owed an answer; 0 if it owes none."""
        if self.answered_at is None or self._sent_at is None:
            return 0.0
        return now - self._sent_at
