"""Notice that a file was saved, in whichever way, and say so once.

Events of the operating system are only a hint to look. What decides is the fingerprint of the
file, taken when the change has settled, so that a save without change calls no one; and a slow
poll of the fingerprints finds what no event tells of: a network file system, a mount, a directory
renamed away with its contents. All state belongs to the loop; threads post to it.
"""

import asyncio
import contextlib
import dataclasses
import logging
import time
from collections.abc import Callable, Iterable
from pathlib import Path

from ground2cloud.reload.directories import Directories, names_of
from ground2cloud.reload.fingerprint import Fingerprint, Kind, fingerprint
from ground2cloud.reload.route import route
from ground2cloud.reload.settle import Rules, Touch, Unsettled, touched

POLL_INTERVAL = 10.0
"""Seconds between two looks at files of which nothing is heard."""

_RESOLUTION = time.get_clock_info("monotonic").resolution
"""Seconds by which the loop may call too early."""

logger = logging.getLogger(__name__)


class FileWatch:
    """Watches a set of files and calls back, on the loop, once for every settled change of one.

    A file that is missing is watched too: its coming is a change, and so is its going. All methods
    belong to the loop's thread.

    Args:
        loop: where all state lives and `on_change` is called.
        on_change: called with the path, as it was given to `watch`.
        debounce: seconds of quiet after which a change has settled.
        poll: seconds between two looks at the files without any event.
        on_notice: called once, with a line for the log, if the files have to be polled because the
            operating system has no watch left.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        on_change: Callable[[Path], None],
        debounce: float = 0.3,
        *,
        poll: float = POLL_INTERVAL,
        on_notice: Callable[[str], None] = logger.warning,
    ) -> None:
        self._loop = loop
        self._on_change = on_change
        self._rules = Rules(debounce=debounce)
        self._poll_interval = poll
        self._on_notice = on_notice
        self._known: dict[Path, Fingerprint | None] = {}
        self._keys: frozenset[Path] = frozenset()
        self._routes: dict[Path, frozenset[Path]] = {}
        self._names: dict[Path, frozenset[str]] = {}
        self._unsettled: dict[Path, Unsettled] = {}
        self._directories: Directories | None = None
        self._due: asyncio.TimerHandle | None = None
        self._poll: asyncio.TimerHandle | None = None

    def watch(self, paths: Iterable[Path], *, keys: Iterable[Path] = ()) -> None:
        """Watch exactly these files from now on; of `keys`, mode and owner count as well.

        What a file is at this moment is what it is compared with, so call this before reading it.
        A file that was watched already keeps its state, also a change that has not settled yet.
        """
        before, self._keys = self._keys, frozenset(keys)
        wanted = dict.fromkeys([*paths, *self._keys])
        kept = {path: known for path, known in self._known.items() if path in wanted}
        for path in before ^ self._keys:
            kept.pop(path, None)  # other things of it count now
        if self._directories is None:
            self._directories = Directories(self._post, self._on_notice)
            self._poll = self._loop.call_later(self._poll_interval, self._look_everywhere)
        self._known = dict.fromkeys(wanted)
        for path in self._unsettled.keys() - wanted.keys():
            del self._unsettled[path]
        self._follow()
        for path in wanted:
            self._known[path] = kept[path] if path in kept else self._fingerprint(path)

    def reading(self, path: Path) -> None:
        """Hear that a file is read now: a call follows when it is other than at this moment.

        Who is called may read later, or somebody unasked, and find what is mended before it has
        settled: without this the mended file would be the one that was called for, and no change.
        """
        if path in self._known:
            self._known[path] = self._fingerprint(path)

    def close(self) -> None:
        """Stop watching: no call follows, no thread is left; takes half a second at most."""
        for timer in (self._due, self._poll):
            if timer is not None:
                timer.cancel()
        self._known.clear()
        self._unsettled.clear()
        if self._directories is not None:
            self._directories.close()
            self._directories = None

    def _post(self, name: str, touch: Touch) -> None:
        """Hand an event from a thread of watchdog to the loop."""
        with contextlib.suppress(RuntimeError):  # the loop is closed: no one wants to know
            self._loop.call_soon_threadsafe(self._touched, name, touch)

    def _touched(self, name: str, touch: Touch) -> None:
        if self._directories is None:
            return  # closed between the event and now
        for path in self._known:
            if name in self._names[path]:
                self._unsettle(path, touch)
        if touch is Touch.COMPLETE:  # perhaps of a link or a directory on the way
            self._directories.forget(name)
            self._follow()
        self._set_timer()

    def _unsettle(self, path: Path, touch: Touch) -> None:
        self._unsettled[path] = touched(self._unsettled.get(path), touch, self._loop.time())

    def _follow(self) -> None:
        """Find the way to every file anew, and watch the directories on it."""
        if self._directories is None:
            return
        routes = {path: route(path) for path in self._known}
        if routes != self._routes:
            self._routes = routes
            self._names = {path: names_of(entries) for path, entries in routes.items()}
        if self._directories.watch(frozenset().union(*routes.values())):
            # Something may have happened there before it was watched.
            for path in self._known:
                self._unsettle(path, Touch.NOTICED)
            self._set_timer()

    def _set_timer(self) -> None:
        if self._due is not None:
            self._due.cancel()
            self._due = None
        if self._unsettled:
            when = min(state.due(self._rules) for state in self._unsettled.values())
            self._due = self._loop.call_at(when, self._settle)

    def _settle(self) -> None:
        now = self._loop.time() + _RESOLUTION
        for path, state in list(self._unsettled.items()):
            if state.due(self._rules) <= now:
                del self._unsettled[path]
                self._look(path, state)
        self._set_timer()

    def _look(self, path: Path, state: Unsettled) -> None:
        before, after = self._known[path], self._fingerprint(path)
        if after is None or after == before:
            return
        if after.kind is Kind.UNREADABLE and not state.writing:
            # On Windows a writer may keep others from reading: wait for it as for any writer.
            self._unsettled[path] = dataclasses.replace(state, writing=True)
            return
        self._known[path] = after
        self._loop.call_soon(self._tell, path)

    def _tell(self, path: Path) -> None:
        if path in self._known:
            self._on_change(path)

    def _look_everywhere(self) -> None:
        # First: whatever this look meets, there is a next one.
        self._poll = self._loop.call_later(self._poll_interval, self._look_everywhere)
        self._follow()
        for path, known in self._known.items():
            now = self._fingerprint(path)
            if path not in self._unsettled and now is not None and now != known:
                self._unsettle(path, Touch.NOTICED)
        self._set_timer()

    def _fingerprint(self, path: Path) -> Fingerprint | None:
        """What the file is now; None if that can't be said, in which case the poll will ask."""
        try:
            return fingerprint(path, with_access=path in self._keys)
        except OSError:
            return None
