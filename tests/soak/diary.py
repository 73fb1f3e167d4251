"""What happened, all of it in a file and a line a minute on the terminal: a log of CI is short."""

import time
from pathlib import Path

FILE = Path("results/soak.log")
INTERVAL = 60.0


class Diary:
    """Writes `results/soak.log` anew; `note` is for events, print for what everybody must see."""

    def __init__(self) -> None:
        FILE.parent.mkdir(exist_ok=True)
        FILE.write_text("", "utf-8")
        self._events = 0
        self._said_at = time.monotonic()

    def note(self, line: str) -> None:
        """Write the line down; say how many there were when a minute is over."""
        with FILE.open("a", encoding="utf-8") as file:
            file.write(line + "\n")
        self._events += 1
        if time.monotonic() - self._said_at >= INTERVAL:
            self._said_at = time.monotonic()
            print(f"{self._events} rounds; the last: {line.strip()}", flush=True)
