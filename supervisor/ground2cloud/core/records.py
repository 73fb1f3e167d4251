"""The pids of the children, on disk: what a killed supervisor left is ended at the next start.

A pid alone proves nothing, it may be somebody else's by now; with its birth it does.
"""

import contextlib
import json
from collections.abc import Callable
from pathlib import Path

import psutil

from ground2cloud.core.births import birth, lives

GRACE = 2.0
"""Seconds a left-over child has between SIGTERM and SIGKILL."""


class Records:
    """The record of a supervisor's children, one JSON file: `{"lane1": [pid, birth]}`.

    Args:
        path: the file; written through `write`.
        write: an atomic writer. A record that can't be written (full disk) is no reason to stop.
    """

    def __init__(self, path: Path, write: Callable[[Path, str], object]) -> None:
        self._path = path
        self._write = write
        self._known: dict[str, tuple[int, str]] = {}

    def note(self, name: str, pid: int) -> None:
        """Remember the child's new process.

        That one ended needs no note: a record of a dead process proves nothing and harms nobody.
        """
        with contextlib.suppress(OSError):
            if born := birth(pid):
                self._known[name] = (pid, born)
            self._write(self._path, json.dumps(self._known))

    def end_stale(self) -> list[tuple[str, int]]:
        """End what an earlier supervisor left; answer the names and pids of what was ended."""
        stale = self._left_over()
        for _, process in stale:
            with contextlib.suppress(psutil.Error):
                process.terminate()
        _, alive = psutil.wait_procs([process for _, process in stale], timeout=GRACE)
        for process in alive:
            with contextlib.suppress(psutil.Error):
                process.kill()
        psutil.wait_procs(alive, timeout=GRACE)
        with contextlib.suppress(OSError):
            self._path.unlink(missing_ok=True)
        return [(name, process.pid) for name, process in stale]

    def _left_over(self) -> list[tuple[str, psutil.Process]]:
        found = []
        for name, (pid, born) in self._read().items():
            with contextlib.suppress(psutil.Error, OSError):
                process = psutil.Process(pid)  # first: from here on it is this one alone
                if lives(pid, born):
                    found.append((name, process))
        return found

    def _read(self) -> dict[str, tuple[int, str]]:
        try:
            content = json.loads(self._path.read_text("utf-8"))
            return {str(name): (int(pid), str(born)) for name, (pid, born) in content.items()}
        except (OSError, ValueError, TypeError, AttributeError):
            return {}  # no record, or a damaged one: nothing is known, so nothing may be ended
