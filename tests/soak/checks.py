"""Counting what held and what did not."""

import time
from dataclasses import dataclass, field


@dataclass(slots=True)
class Checks:
    """Every check is counted; one that fails is printed at once, with the time since the start."""

    began: float = field(default_factory=time.monotonic)
    passed: int = 0
    failures: list[str] = field(default_factory=list)

    @property
    def elapsed(self) -> float:
        """Seconds since the start."""
        return time.monotonic() - self.began

    def check(self, holds: object, what: str) -> bool:
        """Count `what` as held or not, and return which."""
        if holds:
            self.passed += 1
            return True
        self.failures.append(f"at {self.elapsed:.0f} s: {what}")
        print(f"FAILED {self.failures[-1]}", flush=True)
        return False

    def closing_line(self) -> str:
        """Return the line that says it all, in pytest's form."""
        return f"{self.passed} passed, {len(self.failures)} failed in {self.elapsed:.2f}s"
