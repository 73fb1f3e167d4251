"""What a supervisor holds, and what is left when it has gone."""

import os
import statistics
from dataclasses import dataclass
from pathlib import Path

import psutil

from tests.lab.processes import is_alive
from tests.soak.world import World

GROWTH = 3_000_000
"""Bytes that the resident memory may grow between the end of the warm-up and the end.

A soak of ten minutes has more than a hundred events and many thousand requests: what leaks 20 kB
with each event, or 500 bytes with each request, is over. What doesn't leak stays well below: freed
memory is reused, but not given back to the system page by page.
"""

WINDOW = 10
"""Samples whose median is compared: one alone may catch a moment's allocation."""


@dataclass(frozen=True, slots=True)
class Footprint:
    """What a supervisor holds at one moment, in a calm."""

    rss: int
    descriptors: int
    threads: int
    children: int
    files: frozenset[str]
    sessions: int

    def __str__(self) -> str:
        return (
            f"{self.rss / 1e6:.1f} MB, {self.descriptors} descriptors, {self.threads} threads,"
            f" {self.children} children, {len(self.files)} files,"
            f" {self.sessions} processes at the server"
        )


def footprint(world: World) -> Footprint:
    """Look at the supervisor now."""
    process = psutil.Process(world.agent.pid)
    with process.oneshot():
        return Footprint(
            rss=process.memory_info().rss,
            descriptors=process.num_fds(),
            threads=process.num_threads(),
            children=len(process.children(recursive=True)),
            files=frozenset(path.name for path in own_files(world)),
            sessions=len(world.sshd.sessions()),
        )


def own_files(world: World) -> list[Path]:
    """Return the files of the program: its directories for state and run, not its log."""
    return [
        Path(place) / name
        for directory in ("state", "run")
        for place, _, names in os.walk(world.directory / directory)
        for name in names
    ]


def growth(samples: list[int]) -> int:
    """Return by how much the median of the last samples is above that of the first."""
    return int(statistics.median(samples[-WINDOW:]) - statistics.median(samples[:WINDOW]))


def left_processes(world: World) -> list[psutil.Process]:
    """Return every process but this one whose command names the directory of the soak."""
    return [
        process
        for process in psutil.process_iter()
        if process.pid != os.getpid() and _mentions(process, str(world.directory))
    ]


def left_sockets(world: World) -> list[Path]:
    """Return every Unix socket in the directories of the program."""
    return [path for path in world.directory.rglob("*") if path.is_socket()]


def _mentions(process: psutil.Process, text: str) -> bool:
    try:
        return is_alive(process) and any(text in word for word in process.cmdline())
    except psutil.Error:
        return False
