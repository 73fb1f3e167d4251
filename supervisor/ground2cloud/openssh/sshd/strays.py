"""Connections of this gateway's sshd that no record knows, and that nobody could ever end.

Whoever had not logged in when sshd or the gateway went may do so a moment later, and nobody hears
of it: a lane that no claim and no revocation would find. All processes of an sshd have for stderr
the pipe that it was started with, and nobody else has. So the pipes are noted, and what has one of
them, is an sshd of this account and stands in no record is ended.

Linux only: by /proc.
"""

import asyncio
from collections.abc import Callable, Collection
from pathlib import Path

import msgspec
import psutil

from ground2cloud.core.births import boot
from ground2cloud.openssh.sshd.ending import end_processes
from ground2cloud.openssh.sshd.holding import listening
from ground2cloud.openssh.sshd.process import Process, identify, is_same, parent_of
from ground2cloud.openssh.sshd.sessions import Sessions

GRACE = 0.3
LIMIT = 0.9
"""Seconds, as those of `claims`."""

_PROC = Path("/proc")


class _Noted(msgspec.Struct):
    boot: str
    pipes: tuple[str, ...]


class Strays:
    """Finds and ends them.

    Args:
        file: where the pipes are kept, for the next gateway.
        write: an atomic writer.
        sessions: the record.

    Attributes:
        behind: whether the file could not be written.
        due: whether there may be some.
    """

    def __init__(
        self, file: Path, write: Callable[[Path, bytes], object], sessions: Sessions
    ) -> None:
        self.behind = False
        self.due = True
        self._file = file
        self._write = write
        self._sessions = sessions
        self._pipes = self._read()
        self._present = ""

    def began(self, listener: int) -> None:
        """Take the number of an sshd that has just been started; those before it are over."""
        self.due = True
        self._present = _stderr(listener)
        if self._present:
            self._pipes.add(self._present)
            self.settle()

    def settle(self) -> None:
        """Write down what is noted; `behind` says whether that failed."""
        noted = _Noted(boot(), tuple(sorted(self._pipes)))
        try:
            self._write(self._file, msgspec.json.encode(noted))
            self.behind = False
        except OSError:
            self.behind = True

    async def end_former(self, *, over: bool = False) -> tuple[int, int]:
        """End what listeners left that are over; with `over` the present one is, too.

        Answers how many connections there were, and how many processes can't be ended.

        Raises:
            OSError: it can't be looked for them now.
        """
        if over:
            self._present = ""
        self.due = True
        former = self._pipes - {self._present}
        known = self._sessions.known()
        found, held = await asyncio.to_thread(_find, former, known)
        left = await asyncio.to_thread(end_processes, found, grace=GRACE, limit=LIMIT)
        if gone := former - held:
            self._pipes -= gone
            self.settle()
        self.due = bool(left)
        return len(found), len(left)

    async def end_on(self, places: Collection[tuple[str, int]]) -> int:
        """End those that listen on one of the places; answer how many processes can't be ended.

        Raises:
            OSError: it can't be looked for them now.
        """
        known = self._sessions.known()
        found, _ = await asyncio.to_thread(_find, set(self._pipes), known)
        held = await asyncio.to_thread(listening, found)
        there = [process for process in found if held[process] & frozenset(places)]
        return len(await asyncio.to_thread(end_processes, there, grace=GRACE, limit=LIMIT))

    def _read(self) -> set[str]:
        try:
            noted = msgspec.json.decode(self._file.read_bytes(), type=_Noted)
        except (OSError, msgspec.DecodeError):
            return set()
        # A number of a pipe may be anyone's after the machine was started again.
        return set(noted.pipes) if noted.boot == boot() else set()


def _find(pipes: Collection[str], known: Collection[Process]) -> tuple[list[Process], set[str]]:
    """Return the unknown processes of sshd that have one of the pipes, and which pipes are held."""
    found, held = [], set()
    for pid in psutil.pids() if pipes else ():
        pipe = _stderr(pid)
        if pipe not in pipes:
            continue
        held.add(pipe)
        process = identify(pid)
        if process is None or process in known or parent_of(process) in known:
            continue
        if _is_ours(process, pipe):
            found.append(process)
    return found, held


def _is_ours(process: Process, pipe: str) -> bool:
    """Whether it is an sshd of this account with this pipe; seen while it was this very process."""
    try:
        found = psutil.Process(process.pid)
        return (
            found.name().startswith("sshd")
            and found.username() == psutil.Process().username()
            and _stderr(process.pid) == pipe
            and is_same(process)
        )
    except psutil.Error:
        return False


def _stderr(pid: int) -> str:
    """Name the pipe that is a process's stderr; empty if it is none, or can't be seen."""
    try:
        target = str((_PROC / str(pid) / "fd" / "2").readlink())
    except OSError:
        return ""
    return target if target.startswith("pipe:") else ""
