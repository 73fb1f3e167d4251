"""What the commands import that people type most: as `python -X importtime` counts it, all of it.

Python's own modules are in the figure too, and so is what the counting itself takes.
"""

import statistics
import subprocess
import sys

from tests.bench.rows import Row, interleave

ROUNDS = 9
COMMANDS = ("--version", "status")


def _imports(command: str) -> float:
    """Return the milliseconds that a command's imports take."""
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "ground2cloud", command],
        capture_output=True,
        text=True,
        check=False,  # there may be no agent to tell its status
    )
    lines = [line for line in done.stderr.splitlines() if line.startswith("import time:")]
    own = [line.removeprefix("import time:").split("|")[0].strip() for line in lines]
    return sum(int(each) for each in own if each.isdigit()) / 1000


def measure() -> list[Row]:
    """Import, in turn, `ROUNDS` times."""
    samples = interleave(ROUNDS, {each: lambda e=each: _imports(e) for each in COMMANDS})
    return [
        Row(f"imports of `{each}`", "ms", {"ours": took}, statistics.median(took), 150, figure="ms")
        for each, took in samples.items()
    ]
