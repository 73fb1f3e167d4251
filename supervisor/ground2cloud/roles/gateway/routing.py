"""Who is led where, put in force: the router's maps, its files, its process.

The maps are changed through the master's socket, one entry at a time; the files are for its start
and its reloads. What the process knows is remembered, so that only what differs is sent. Only
tunnel ports that are offered as they are take a reload each: the router has to listen there.
"""

import asyncio
import contextlib
import hashlib
import logging
from collections.abc import Awaitable, Callable, Collection, Mapping
from pathlib import Path

from ground2cloud.core.clock import wall
from ground2cloud.core.spec import ChildSpec, Limits, Outcome, Prepared, RefusedError, Verdict
from ground2cloud.core.states import State
from ground2cloud.haproxy import maps
from ground2cloud.haproxy.child import RELOAD_SIGNAL, argv, check_argv, refused
from ground2cloud.haproxy.observer import Observer
from ground2cloud.haproxy.program import HaproxyProgram
from ground2cloud.haproxy.reading import Usage
from ground2cloud.haproxy.render import render_entries
from ground2cloud.haproxy.routes import RouterSettings
from ground2cloud.haproxy.runtime import Runtime
from ground2cloud.haproxy.wire import RuntimeSocketError
from ground2cloud.logs.fields import log
from ground2cloud.rendering.atomic import write_atomic
from ground2cloud.rendering.replacing import replace
from ground2cloud.roles.gateway.book import Book
from ground2cloud.roles.gateway.crowds import Crowds
from ground2cloud.roles.gateway.endings import LONGEST_LOOK, Endings
from ground2cloud.roles.gateway.lanes import Lanes
from ground2cloud.roles.gateway.ports import why_not
from ground2cloud.roles.gateway.wanted import Maps, Wanted

_log = logging.getLogger(__name__)

NAME = "router"

MANY = 300
"""Differences in one map beyond which it is sent as a whole."""

_RETRY = 0.3  # seconds after which a router that did not take a change is told again

RELOAD_WITHIN = 30.0
"""Seconds for the router to load its files; 10,000 registrations take one."""

RELOAD_PAUSE = 2.0
"""Seconds between two reloads for new ports: each leaves a process to the calls that last."""

LONGEST_PAUSE = 64.0
"""Seconds between two attempts where one after the other fails; the pause doubles up to there."""

LOOK_EVERY = 600.0
"""Seconds between two looks at figures that nobody asks for; the router keeps each for an hour."""

_SETTLED_WITHIN = 5.0  # seconds for which a master may be without its socket after a load
_LOOK = 0.05


class Router:
    """Keeps the router at what the book and the lanes say.

    Args:
        program: the HAProxy.
        settings: how it is set up.
        directory: of its files; candidates are checked in a directory beside it.
        book: registrations and elements.
        lanes: which of them are up.
        limits: the times that govern it.
        renew: has the supervisor give it its files anew; answers why they were refused.
    """

    def __init__(
        self,
        program: HaproxyProgram,
        settings: RouterSettings,
        directory: Path,
        *,
        book: Book,
        lanes: Lanes,
        limits: Limits,
        renew: Callable[[], Awaitable[Verdict | None]],
    ) -> None:
        self.settings = settings
        """Others take effect by `reload`; the sockets of it stay the same."""
        self._program = program
        self._directory = directory
        self._draft = directory.with_name(f"{directory.name}.new")
        self._wanted = Wanted(settings.slots, book, lanes)
        self._limits = limits
        self._book = book
        self._runtime = Runtime(settings)
        self._endings = Endings(self._runtime)
        self._crowds = Crowds(self._runtime)
        self._renew = renew
        self._told = ""
        self._due = asyncio.Event()
        self._turn = asyncio.Lock()
        self._up = False
        self._observer = Observer()
        self._installed = ""
        self._installs = 0
        self._filed: Maps = {}
        self._filed_ports: frozenset[int] = frozenset()
        self._open: frozenset[int] = frozenset()
        self._opening: frozenset[int] = frozenset()
        self._kept: frozenset[int] = frozenset()
        self._taken: dict[int, str] = {}
        self._ports_due = asyncio.Event()
        self._reloading = asyncio.Lock()
        self._reloaded: asyncio.Future[Verdict | None] | None = None
        self._known: dict[str, maps.Entries] = {}
        self._loads = 0
        self._reloads = 0

    def spec(self) -> ChildSpec:
        """How the supervisor runs it."""
        return ChildSpec(
            name=NAME,
            prepare=self.prepare,
            observe=self._observe,
            limits=self._limits,
            refused=refused,
            reload_signal=RELOAD_SIGNAL,
            reloads=lambda: self._reloads,
            answers=self._crowds.look,
        )

    async def prepare(self) -> Prepared:
        """Write candidates of all files; they take the place of the good ones when proven.

        Raises:
            RefusedError: something can't be expressed in HAProxy's configuration.
            OSError: they can't be written.
        """
        if self._up:
            await self._settle()
        try:
            self._wanted.update()
            filed = {name: dict(entries) for name, entries in self._wanted.maps.items()}
            ports = self._offered() | (self._kept & self._open)
            files = await asyncio.to_thread(render_entries, self.settings, filed, ports)
        except ValueError as error:
            message = f"the router can't be told this: {error}"
            raise RefusedError(Verdict(Outcome.PERMANENT, "config-bad", message)) from error
        for name, text in files.items():
            write_atomic(self._draft / name, text)
        # A living router is told of the maps: only the rest calls for a reload.
        state = self._state({n: t for n, t in files.items() if n not in maps.MAPS})

        def install() -> None:
            for name in files:
                replace(self._draft / name, self._directory / name)
            self._installed = state
            self._installs += 1
            self._filed = filed
            self._filed_ports = self._opening = ports

        return Prepared(
            argv(self._program, self.settings, self._directory),
            check_argv(self._program, self._draft),
            changed=not self._up or state != self._installed,
            install=install,
        )

    def seen(self, state: State) -> None:
        """Hear of the process: a new one knows what is in the files."""
        self._up = state is State.READY
        self._opening = frozenset()
        if self._up:
            self._loaded()
        else:
            self._open = frozenset()
            self._answer(None)  # its next start is by the files that are there

    async def reload(self, *, keep_ports: bool = False) -> Verdict | None:
        """Have the router take up other settings, ports or certificates; wait until it has.

        Answers None when it did, or when its next start will; else why not: then it goes on as it
        was.

        Args:
            keep_ports: go on listening on tunnel ports of no service, where nobody gets through.
        """
        async with self._reloading:
            self._kept = self._open if keep_ports else frozenset()
            before = self._installs
            self._reloaded = asyncio.get_running_loop().create_future()
            verdict = await self._renew()
            if verdict is not None or not self._up or self._installs == before:
                return verdict
            try:
                async with asyncio.timeout(RELOAD_WITHIN):
                    return await self._reloaded
            except TimeoutError:
                message = f"the router does not load its files within {RELOAD_WITHIN:g} s"
                return Verdict(Outcome.TRANSIENT, "router-not-loaded", message)

    def poke(self) -> None:
        """Say that something may be different; it is in force a moment later."""
        self._due.set()

    async def keep(self) -> None:
        """Put in force what is due, again and again, until cancelled."""
        while True:
            # A router that is down lets nobody in, and is told everything at its start.
            wait = self._endings.next_look(wall()) if self._up else LONGEST_LOOK
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(wait):
                    await self._due.wait()
            self._due.clear()
            try:
                await self.publish()
            except RuntimeSocketError as error:
                self._tell(error.message)
                await asyncio.sleep(_RETRY)
                self._due.set()
            else:
                self._told = ""

    async def keep_ports(self) -> None:
        """Have the router listen on the tunnel ports that it is to offer, until cancelled."""
        pause = RELOAD_PAUSE
        while True:
            await self._ports_due.wait()
            self._ports_due.clear()
            # Or an agent that renames its service to and fro would have a process left each time.
            verdict = await self.reload(keep_ports=True)
            if verdict is not None:
                self._tell(f"new tunnel ports are not offered: {verdict.message}")
                self._ports_due.set()
            await asyncio.sleep(pause)
            pause = RELOAD_PAUSE if verdict is None else min(2 * pause, LONGEST_PAUSE)

    async def keep_figures(self, every: float = LOOK_EVERY) -> None:
        """Look at what is carried before the router forgets some of it, until cancelled."""
        while True:
            await asyncio.sleep(every)
            await self.carried()

    async def publish(self) -> None:
        """Put in force what the book and the lanes say now, if the router is up.

        What goes through it for those who are gone has ended then.

        Raises:
            RuntimeSocketError: it did not take it, or not all of it.
        """
        async with self._turn:
            if not self._up:
                return  # it begins with files of its time
            try:
                await self._publish()
            except ValueError as error:
                raise RuntimeSocketError(f"the router can't be told this: {error}") from error
        await self._endings.enforce()

    async def _publish(self) -> None:
        loads = self._loads
        self._wanted.update()
        touched = self._wanted.take_touched()
        self._endings.note_gone(self._known, self._wanted.maps, touched)
        self._endings.note_expired(self._book.elements, wall())
        try:
            await self._send(touched)
        except BaseException:
            self._wanted.touch(touched)
            raise
        if loads != self._loads:
            self._due.set()
        if self._offered() - self._open:
            self._ports_due.set()

    async def carried(self) -> Mapping[str, Usage] | None:
        """What went over each route since the router's last reload; None if it can't be asked."""
        try:
            return await self._runtime.stats() if self._up else None
        except RuntimeSocketError:
            return None

    def _tell(self, trouble: str) -> None:
        if self._up and trouble != self._told:
            log(_log, logging.WARNING, "router-untold", f"{trouble}; trying again")
        self._told = trouble

    def _offered(self) -> frozenset[int]:
        """The tunnel ports to be offered as they are, without those that others listen on."""
        plain = self.settings.plain
        if plain is None:
            self._taken = {}
            return frozenset()
        ports = {int(port) for port in self._wanted.maps[maps.PLAIN]}
        taken = {}
        # Those that the router is about to open may be its own by now.
        for port in ports - self._open - self._opening:
            words = next(filter(None, (why_not(host, port) for host in plain.addresses)), None)
            if words is not None:
                taken[port] = words
        for port in sorted(taken.keys() - self._taken.keys()):
            text = f"tunnel port {port} is not offered as it is: {taken[port]}"
            log(_log, logging.WARNING, "plain-port-taken", text)
        self._taken = taken
        return frozenset(ports - taken.keys())

    def _observe(self) -> Observer:
        self._observer = Observer(self._on_reload)
        return self._observer

    async def _settle(self) -> None:
        """Wait until the master hears signals: not so for a moment after each load."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_SETTLED_WITHIN):
                while not await self._runtime.settled():  # noqa: ASYNC110 - it tells nobody
                    await asyncio.sleep(_LOOK)

    def _on_reload(self, good: bool) -> None:  # noqa: FBT001 - the observer's signature
        self._reloads += 1
        self._opening = frozenset()
        verdict = None if good else self._observer.not_loaded()
        if verdict is None:
            self._loaded()
        else:
            self._installed = ""  # what it runs on is not what lies there: the next reload is one
            text = f"the router keeps what it had before: {verdict.message}"
            log(_log, logging.ERROR, "router-not-reloaded", text, said=verdict.evidence or None)
        self._answer(verdict)

    def _answer(self, verdict: Verdict | None) -> None:
        """Tell who waits for a reload what came of it."""
        if self._reloaded is not None and not self._reloaded.done():
            self._reloaded.set_result(verdict)

    def _loaded(self) -> None:
        """Start over from the files: that is what the new process knows."""
        self._open = self._filed_ports
        files = {name: dict(self._filed.get(name, {})) for name in maps.MAPS}
        # Who is in these files no more may not have been told to the worker before.
        before = {name: frozenset(self._known.get(name, ())) for name in maps.MAPS}
        self._endings.note_gone(self._known, files, before)
        self._known = files
        wanted = self._wanted.maps
        self._wanted.touch({name: {*self._known[name], *wanted[name]} for name in maps.MAPS})
        self._loads += 1
        self._due.set()

    async def _send(self, touched: Mapping[str, Collection[str]]) -> None:
        # Nobody asks for the map of plain ports where none is offered.
        names = [name for name in maps.MAPS if self._open or name != maps.PLAIN]
        # What is added can be used when its last entry stands, what is removed from its first.
        for name in names:
            await self._add(name, touched[name])
        for name in reversed(names):
            await self._remove(name, touched[name])

    async def _add(self, name: str, touched: Collection[str]) -> None:
        known, wanted = self._known[name], self._wanted.maps[name]
        new = {
            key: wanted[key] for key in touched if key in wanted and known.get(key) != wanted[key]
        }
        if len(new) > MANY:
            await self._replace(name)
            return
        for key, value in new.items():
            await self._runtime.set_map(name, key, value)
            known[key] = value

    async def _remove(self, name: str, touched: Collection[str]) -> None:
        known, wanted = self._known[name], self._wanted.maps[name]
        old = [key for key in touched if key in known and key not in wanted]
        if len(old) > MANY:
            await self._replace(name)
            return
        for key in old:
            await self._runtime.del_map(name, key)
            known.pop(key, None)

    async def _replace(self, name: str) -> None:
        known, wanted = self._known[name], dict(self._wanted.maps[name])
        await self._runtime.replace_map(name, wanted)
        known.clear()
        known.update(wanted)

    def _state(self, files: Mapping[str, str]) -> str:
        """Return something that changes with all that HAProxy reads at its start but the maps."""
        digest = hashlib.sha256()
        for name in sorted(files):
            digest.update(files[name].encode())
        for tls in self.settings.tls:
            if tls.certificate is not None:
                digest.update(_content(tls.certificate))
        return digest.hexdigest()


def _content(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError:
        return b""
