"""The directories being watched, and the threads of watchdog that do it.

Directories, because saving by rename replaces the file and a watch on it would watch the old one.
Threads post to the owner and touch nothing of its state; what they need is handed to them as one
frozen set.
"""

import errno
import logging
import os
import sys
import threading
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import NamedTuple

from watchdog import events
from watchdog.observers import Observer
from watchdog.observers.api import BaseObserver, EventEmitter, ObservedWatch
from watchdog.observers.polling import PollingObserver

from ground2cloud.reload.settle import Touch

POLLING_INTERVAL = 1.0
"""Seconds between two looks at a directory where the operating system doesn't tell."""

TELLS_CLOSE = sys.platform == "linux"
"""Whether the operating system says that a file open for writing was closed (inotify does)."""

# Opened, closed-without-write and accessed are left out: reading a file must wake no one.
_KINDS: list[type[events.FileSystemEvent]] = [
    events.FileCreatedEvent,
    events.FileModifiedEvent,
    events.FileAttribEvent,
    events.FileMovedEvent,
    events.FileClosedEvent,
    events.FileDeletedEvent,
    events.DirCreatedEvent,
    events.DirMovedEvent,
    events.DirDeletedEvent,
]

_EXHAUSTED = frozenset({errno.ENOSPC, errno.EMFILE, errno.ENFILE, errno.ENOMEM})


class _Quiet(logging.Filter):
    """Drops what a thread of watchdog says after it was told to stop.

    One that is caught on its way between two events finds what it reads from gone, and calls that
    an error; it is how it learns of its end.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        speaker = threading.current_thread()  # a filter runs in the thread that logs
        told = isinstance(speaker, EventEmitter) and not speaker.should_keep_running()
        return not told and super().filter(record)


# Where a program has no log, what else watchdog says does not go to its stderr.
logging.getLogger("watchdog").addHandler(logging.NullHandler())
# By name, for a module that can be imported on Linux alone; a filter sees its own logger's records.
logging.getLogger("watchdog.observers.inotify").addFilter(_Quiet())


class _Watched(NamedTuple):
    identity: tuple[int, int]
    """Device and inode: another directory may come to stand under the same path."""
    watch: ObservedWatch


class _Handler(events.FileSystemEventHandler):
    """Runs on a thread of watchdog: drops what is of no interest and posts the rest."""

    def __init__(self, post: Callable[[str, Touch], None]) -> None:
        self._post = post
        self.names: frozenset[str] = frozenset()
        self.tells_close = False

    def on_any_event(self, event: events.FileSystemEvent) -> None:
        names = self.names
        for raw in (event.src_path, event.dest_path):
            name = name_of(os.fsdecode(raw))
            if name in names:
                self._post(name, self._meaning(event, name))

    def _meaning(self, event: events.FileSystemEvent, name: str) -> Touch:
        match event.event_type:
            case events.EVENT_TYPE_ATTRIB:
                return Touch.NOTICED
            case events.EVENT_TYPE_MODIFIED if self.tells_close:
                return Touch.WRITTEN
            case events.EVENT_TYPE_CREATED if self.tells_close and _is_empty_file(name):
                return Touch.WRITTEN
            case _:
                return Touch.COMPLETE


class Directories:
    """Watches directories for events about given names.

    Args:
        post: called with a name and what happened to it, on any thread, until `close` returns.
        on_notice: called once, on the caller's thread, when the operating system has no watch left
            and directories are polled from then on.
    """

    def __init__(
        self, post: Callable[[str, Touch], None], on_notice: Callable[[str], None]
    ) -> None:
        self._handler = _Handler(post)
        self._on_notice = on_notice
        self._entries: frozenset[Path] = frozenset()
        self._wanted: set[Path] = set()
        self._watched: dict[Path, _Watched] = {}
        self._observer = self._start()

    def watch(self, entries: frozenset[Path]) -> bool:
        """Watch the directories of `entries`, and no others; each must be free of links.

        What can't be watched now is tried again by the next call.

        Returns:
            Whether a directory is watched that was not before: what happened in it until now was
            not seen.
        """
        if entries != self._entries:
            self._entries = entries
            self._wanted = {entry.parent for entry in entries}
            self._handler.names = names_of(entries)
        for directory, watched in list(self._watched.items()):
            if directory not in self._wanted or _identity(directory) != watched.identity:
                self._observer.unschedule(self._watched.pop(directory).watch)
        missing = self._wanted - self._watched.keys()
        for directory in missing:
            self._add(directory)
        return not missing.isdisjoint(self._watched)

    def forget(self, name: str) -> None:
        """Take note that a watched directory is gone, so that the next `watch` starts anew there.

        Its inode number doesn't tell: a new directory often gets the one that was just freed.
        """
        for directory, watched in list(self._watched.items()):
            if name_of(directory) == name:
                del self._watched[directory]
                self._observer.unschedule(watched.watch)

    def close(self) -> None:
        """Stop watching; no thread is left when this returns, within half a second."""
        self._watched.clear()
        self._observer.stop()
        self._observer.join()

    def _start(self) -> BaseObserver:
        try:
            observer = Observer()
        except OSError as error:
            return self._poll(error)
        observer.start()
        self._handler.tells_close = TELLS_CLOSE
        return observer

    def _poll(self, error: OSError) -> BaseObserver:
        observer = PollingObserver(timeout=POLLING_INTERVAL)
        observer.start()
        self._handler.tells_close = False
        self._on_notice(f"files are polled every {POLLING_INTERVAL:g} s: {error.strerror or error}")
        return observer

    def _add(self, directory: Path) -> None:
        identity = _identity(directory)
        if identity is None:
            return
        try:
            watch = self._observer.schedule(self._handler, str(directory), event_filter=_KINDS)
        except OSError as error:
            if error.errno in _EXHAUSTED and not isinstance(self._observer, PollingObserver):
                self._fall_back(error, [*self._watched, directory])
        else:
            self._watched[directory] = _Watched(identity, watch)

    def _fall_back(self, error: OSError, again: list[Path]) -> None:
        self.close()
        self._observer = self._poll(error)
        for directory in again:
            self._add(directory)


def name_of(path: Path | str) -> str:
    """A path as the events name it, the same for every spelling where case doesn't count."""
    return os.path.normcase(path)


def names_of(entries: Iterable[Path]) -> frozenset[str]:
    """The names under which events tell of `entries`: their own, and their directories'."""
    return frozenset(name_of(name) for entry in entries for name in (entry, entry.parent))


def _identity(directory: Path) -> tuple[int, int] | None:
    try:
        status = directory.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino


def _is_empty_file(name: str) -> bool:
    """Whether a file was just created and not yet written: not so a link, or a file moved here."""
    path = Path(name)
    try:
        return not path.is_symlink() and path.is_file() and path.stat().st_size == 0
    except OSError:
        return False
