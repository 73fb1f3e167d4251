"""Drives `tests.lab.log_program` step by step: each order is done when `order` returns."""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

from tests.lab.log_records import Settings

PROGRAM = [sys.executable, "-m", "tests.lab.log_program"]


class LogDriver:
    """A running program that logs what it is told to; its stderr is read all the time."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process
        self._stderr: list[str] = []
        assert process.stderr is not None
        self._reader = threading.Thread(target=self._stderr.extend, args=(process.stderr,))
        self._reader.start()

    def seen(self, path: Path) -> Path:
        """Return the way to a path as the program sees it, in its own mount namespace."""
        return Path(f"/proc/{self._process.pid}/root{path}")

    def order(self, words: str) -> str:
        """Give an order and wait for its answer."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"{words}\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline()
        assert answer, f"the program ended at {words}: {self.end()}"
        return answer.rstrip("\n")

    def many(self, first: int, count: int, size: int = 100) -> None:
        """Log numbered records of so many characters."""
        self.order(f"@many {first} {count} {size}")

    def end(self) -> list[str]:
        """End it; return the lines that it wrote to stderr."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        code = self._process.wait(20)
        self._reader.join()
        assert code == 0, self._stderr
        return self._stderr

    def kill(self) -> None:
        """End it at once."""
        self._process.kill()
        self._reader.join()


@contextmanager
def log_driver(file: Path, settings: Settings, *, mount: str = "") -> Iterator[LogDriver]:
    """Run the program for the time of a test.

    `mount` is a mount command (Linux) that only the program sees the effect of.
    """
    argv = [*PROGRAM, str(file), json.dumps(asdict(settings))]
    if mount:
        namespace = ["unshare", "--mount"] if os.geteuid() == 0 else ["unshare", "-r", "--mount"]
        argv = [*namespace, "sh", "-c", f'{mount} && exec "$@"', "sh", *argv]
    pipe = subprocess.PIPE
    with subprocess.Popen(argv, stdin=pipe, stdout=pipe, stderr=pipe, text=True) as process:
        driver = LogDriver(process)
        try:
            yield driver
        finally:
            driver.kill()
