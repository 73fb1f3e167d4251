"""Who is logged in: the gateway's record of sshd's connections, each with its registration.

sshd itself says which process serves which key (`events.Accepted`); the record adds when that
process was made, so that nothing that is done to a session later can hit another process. It is
also kept in a file, line by line: sessions outlive the listener and the gateway, and the next
gateway must know which processes are its to end.

All of it runs on the loop's thread; other threads get tuples.
"""

import contextlib
import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path

import msgspec

from ground2cloud.openssh.sshd.authorized import KeyGrant, fingerprint
from ground2cloud.openssh.sshd.events import Accepted, ChildOf
from ground2cloud.openssh.sshd.holding import listening
from ground2cloud.openssh.sshd.process import (
    Process,
    children,
    children_of,
    identify,
    is_child,
    is_same,
    serves,
)

NOBODY = 0
"""The registration of a key that no one was given: it has to go."""

FOR_SLOT = 2
"""Sessions for each slot: the one that is up, and the one that it replaces. What a network that
failed left is ended by the claim of the new one, or by sshd after half a minute."""

FOR_COMMANDS = 2
"""Sessions beyond those: `rotate-key` and `doctor` have a lane of their own for a moment."""

_SLACK = 1000  # lines of dead sessions in the file before it is written anew


@dataclass(frozen=True, slots=True)
class Session:
    """One connection that logged in.

    Args:
        registration: whose key it used; `NOBODY` for a key that was not given to anyone.
        fingerprint: of that key, `SHA256:…`.
        source: the address it comes from; HAProxy's where it came through the shared port.
        source_port: the port there.
        accepted_at: monotonic seconds, which count on over processes until the machine restarts.
        connection: the listener's child. For root it also holds the ports.
        child: the process that holds the ports, once sshd has named it.
    """

    registration: int
    fingerprint: str
    source: str
    source_port: int
    accepted_at: float
    connection: Process
    child: Process | None = None

    @property
    def alive(self) -> bool:
        """Whether one of its processes lives; the child alone still holds the ports.

        What can't be looked at now is not given up.
        """
        try:
            return is_same(self.connection) or (self.child is not None and is_same(self.child))
        except OSError:
            return True

    def processes(self) -> tuple[Process, ...]:
        """Return its processes, those that may hold ports first."""
        below = [self.child] if self.child is not None else children(self.connection)
        return (*below, self.connection)


def processes_of(sessions: Iterable[Session]) -> dict[Session, tuple[Process, ...]]:
    """Return what `Session.processes` does, for many at the price of one."""
    asked = tuple(sessions)
    below = children_of(session.connection for session in asked if session.child is None)
    return {
        session: (
            *(below.get(session.connection, ()) if session.child is None else (session.child,)),
            session.connection,
        )
        for session in asked
    }


def held(sessions: Iterable[Session]) -> dict[Session, frozenset[tuple[str, int]]]:
    """Return the places on which the processes of each session listen. Blocks.

    Raises:
        OSError: it can't be looked now.
    """
    processes = processes_of(sessions)
    places = listening(process for mine in processes.values() for process in mine)
    return {
        session: frozenset[tuple[str, int]]().union(*(places[process] for process in mine))
        for session, mine in processes.items()
    }


class Sessions:
    """The record.

    Args:
        file: where it is kept, readable by the account alone. A full disk is no reason to stop.
        write: an atomic writer, `rendering.atomic.write_atomic`.
        supervisor: the process whose child the listener is; this one.

    Attributes:
        trouble: why the file does not say all, for people; empty when it does.
    """

    def __init__(
        self,
        file: Path,
        write: Callable[[Path, bytes], object],
        *,
        supervisor: int | None = None,
    ) -> None:
        self.trouble = ""
        self._file = file
        self._write = write
        self._supervisor = supervisor or os.getpid()
        self._owners: dict[str, int] = {}
        self._slots: dict[int, int] = {}
        self._by_pid: dict[int, Session] = {}
        self._of: dict[int, set[int]] = {}
        self._lines = 0

    def own(self, grants: Iterable[KeyGrant]) -> None:
        """Learn whose keys these are. A withdrawn key is never forgotten: its session may live."""
        for grant in grants:
            self._owners[fingerprint(grant.key)] = grant.registration
            self._slots[grant.registration] = len(grant.slots)

    def hear(self, event: object, now: float) -> Session | None:
        """Take an event of sshd's; answer the session that has just logged in, if it is one.

        Args:
            event: any of `events.Event`.
            now: monotonic seconds.

        Raises:
            OSError: the process can't be looked at now.
        """
        if isinstance(event, Accepted):
            return self._accepted(event, now)
        if isinstance(event, ChildOf) and event.pid in self._by_pid:
            session = self._by_pid[event.pid]
            child = identify(event.child)
            if child is not None and is_child(child, session.connection):
                self._keep(replace(session, child=child))
        return None

    def of(self, registration: int) -> tuple[Session, ...]:
        """Return the living sessions of a registration, the oldest first."""
        mine = [self._by_pid[pid] for pid in self._of.get(registration, ())]
        living = [session for session in mine if session.alive]
        for session in mine:
            if session not in living:
                self._forget(session)
        return tuple(sorted(living, key=lambda session: session.accepted_at))

    def surplus(self, registration: int) -> int:
        """Return how many sessions a registration has beyond those that a good agent needs."""
        most = FOR_SLOT * self._slots.get(registration, 0) + FOR_COMMANDS
        if len(self._of.get(registration, ())) <= most:
            return 0  # the dead ones included, which are not looked for then
        return max(0, len(self.of(registration)) - most)

    def all(self) -> tuple[Session, ...]:
        """Return all living sessions; 0.1 ms for each."""
        return tuple(
            session for registration in list(self._of) for session in self.of(registration)
        )

    def known(self) -> frozenset[Process]:
        """Return all processes of the record, some of which may have ended."""
        both = ((each.connection, each.child) for each in self._by_pid.values())
        return frozenset(process for pair in both for process in pair if process is not None)

    def load(self) -> tuple[Session, ...]:
        """Read what an earlier gateway recorded; answer the sessions that still live.

        A damaged line is passed over: of what is not known, nothing may be ended.
        """
        for line in self._read():
            with contextlib.suppress(msgspec.DecodeError):
                self._add(msgspec.json.decode(line, type=Session))
        living = self.all()
        self._rewrite(living)
        return living

    def _accepted(self, event: Accepted, now: float) -> Session | None:
        connection = identify(event.pid)
        if connection is None or not serves(connection, self._supervisor):
            return None  # over already, or not what the line pretends
        owner = self._owners.get(event.fingerprint, NOBODY)
        session = Session(
            owner, event.fingerprint, event.source, event.source_port, now, connection
        )
        self._keep(session)
        return session

    def settle(self) -> None:
        """Write the file anew where that is due."""
        if self.trouble:
            self._rewrite(self._by_pid.values())

    def _keep(self, session: Session) -> None:
        self._add(session)
        if self._lines > 4 * len(self._by_pid) + _SLACK:
            self._rewrite(self.all())
        elif self.trouble:  # its last line may have no end
            self.settle()
        else:
            self._append(session)

    def _append(self, session: Session) -> None:
        line = msgspec.json.encode(session) + b"\n"
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | getattr(os, "O_CLOEXEC", 0)
        try:
            descriptor = os.open(self._file, flags, 0o600)
            try:
                whole = os.write(descriptor, line) == len(line)
            finally:
                os.close(descriptor)
        except OSError as error:
            self._note_trouble(error)
        else:
            self._lines += 1
            if not whole:
                self._note_trouble(OSError(0, "only a part of a record found room"))

    def _add(self, session: Session) -> None:
        pid = session.connection.pid
        if (before := self._by_pid.get(pid)) is not None:
            self._forget(before)
        self._by_pid[pid] = session
        self._of.setdefault(session.registration, set()).add(pid)

    def _forget(self, session: Session) -> None:
        pid = session.connection.pid
        del self._by_pid[pid]
        mine = self._of[session.registration]
        mine.discard(pid)
        if not mine:
            del self._of[session.registration]

    def _read(self) -> list[bytes]:
        try:
            return self._file.read_bytes().splitlines()
        except OSError:
            return []

    def _rewrite(self, living: Iterable[Session]) -> None:
        lines = [msgspec.json.encode(session) + b"\n" for session in living]
        try:
            self._write(self._file, b"".join(lines))
        except OSError as error:
            self._note_trouble(error)
        else:
            self._lines = len(lines)
            self.trouble = ""

    def _note_trouble(self, error: OSError) -> None:
        self.trouble = (
            f"the record of lanes {self._file} can't be written: {error.strerror or error}"
        )
