"""Processes by number and birth: a number alone may be somebody else's by now.

Every function here raises an OSError where nothing can be looked at: no descriptor is free. That a
process has ended is said only of one that was looked at.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import psutil

from ground2cloud.core.births import birth, lives


@dataclass(frozen=True, slots=True)
class Process:
    """One process for good.

    Args:
        pid: its number.
        born: when it was made, see `core.births`.
    """

    pid: int
    born: str


def identify(pid: int) -> Process | None:
    """Return the process that has this number now; None if there is none."""
    born = birth(pid)
    return Process(pid, born) if born is not None else None


def serves(process: Process, supervisor: int) -> bool:
    """Whether it is a connection of the sshd that `supervisor` runs.

    That is: an sshd of this account, whose parent (the listener) is the supervisor's child.
    """
    try:
        found = psutil.Process(process.pid)
        listener = found.parent()
        return (
            listener is not None
            and listener.ppid() == supervisor
            and listener.name().startswith("sshd")
            and found.name().startswith("sshd")
            and found.username() == psutil.Process().username()
            and is_same(process)
        )
    except psutil.Error:
        return False


def is_same(process: Process) -> bool:
    """Whether this very process is still there and has not ended."""
    return lives(process.pid, process.born)


def is_child(process: Process, parent: Process) -> bool:
    """Whether a living process is the child of another; cheaper than asking for all children."""
    try:
        return psutil.Process(process.pid).ppid() == parent.pid and is_same(process)
    except psutil.Error:
        return False


def parent_of(process: Process) -> Process | None:
    """Return the parent of a process; None if either has ended."""
    try:
        return identify(psutil.Process(process.pid).ppid())
    except psutil.Error:
        return None


def children(process: Process) -> list[Process]:
    """Return the living children of a process, none if it has ended."""
    try:
        below = psutil.Process(process.pid).children() if is_same(process) else []
    except psutil.Error:
        return []
    found = (identify(child.pid) for child in below)
    return [child for child in found if child is not None]


def children_of(parents: Iterable[Process]) -> dict[Process, list[Process]]:
    """Return the same for many: one look at all processes of the machine, not one for each."""
    found: dict[Process, list[Process]] = {parent: [] for parent in parents if is_same(parent)}
    if not found:
        return found
    by_pid = {parent.pid: parent for parent in found}
    for child in psutil.process_iter(["ppid"]):
        parent = by_pid.get(child.info["ppid"])
        process = identify(child.pid) if parent is not None else None
        if parent is not None and process is not None:
            found[parent].append(process)
    return found
