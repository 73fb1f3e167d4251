"""The pids of the children, on disk: what a killed supervisor left is ended at the next start.

A pid alone proves nothing, it may be somebody else's by now; with the time of creation it does.
"""

import contextlib
import json
from collections.abc import Callable
from pathlib import Path

import psutil

GRACE = 2.0
"""Seconds a left-over child has between SIGTERM and SIGKILL."""

_SAME_TIME = 0.05  # seconds; psutil computes the creation time from ticks of 10 ms


class Records:
    """The record of a supervisor's children, one JSON file: `{"lane1": [pid, created]}`.

    Args:
        path: the file; written through `write`.
        write: an atomic writer. A record that can't be written (full disk) is no reason to stop.
    """

    def __init__(self, path: Path, write: Callable[[Path, str], object]) -> None:
        self._path = path
        self._write = write
        self._known: dict[str, tuple[int, float]] = {}

    def note(self, name: str, pid: int) -> None:
        """Remember the child's new process.

        That one ended needs no note: a record of a dead process proves nothing and harms nobody.
        """
        with contextlib.suppress(psutil.Error):
            self._known[name] = (pid, psutil.Process(pid).create_time())
        with contextlib.suppress(OSError):
            self._write(self._path, json.dumps(self._known))

    def end_stale(self) -> list[tuple[str, int]]:
        """End what an earlier supervisor left; answer the names and pids of what was ended."""
        stale = {process.pid: name for name, process in self._left_over()}
        processes = []
        for pid in stale:
            with contextlib.suppress(psutil.Error):
                process = psutil.Process(pid)
                process.terminate()
                processes.append(process)
        _, alive = psutil.wait_procs(processes, timeout=GRACE)
        for process in alive:
            with contextlib.suppress(psutil.Error):
                process.kill()
        psutil.wait_procs(alive, timeout=GRACE)
        with contextlib.suppress(OSError):
            self._path.unlink(missing_ok=True)
        return [(name, pid) for pid, name in stale.items()]

    def _left_over(self) -> list[tuple[str, psutil.Process]]:
        found = []
        for name, (pid, created) in self._read().items():
            with contextlib.suppress(psutil.Error):
                process = psutil.Process(pid)
                if abs(process.create_time() - created) < _SAME_TIME:
                    found.append((name, process))
        return found

    def _read(self) -> dict[str, tuple[int, float]]:
        try:
            content = json.loads(self._path.read_text("utf-8"))
            return {str(name): (int(pid), float(at)) for name, (pid, at) in content.items()}
        except (OSError, ValueError, TypeError, AttributeError):
            return {}  # no record, or a damaged one: nothing is known, so nothing may be ended
