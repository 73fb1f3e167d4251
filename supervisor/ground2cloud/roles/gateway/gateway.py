"""The running gateway: the one place where its parts are wired together."""

import asyncio
import contextlib
import logging
import os
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

from ground2cloud import __version__
from ground2cloud.config.gateway_model import GatewayConfig
from ground2cloud.config.locations import GatewayLocations
from ground2cloud.core.clock import iso, monotonic, wall
from ground2cloud.core.records import Records
from ground2cloud.core.supervise import Supervisor, Transition
from ground2cloud.core.usage import Meter
from ground2cloud.haproxy.wire import RuntimeSocketError
from ground2cloud.logs.fields import log
from ground2cloud.logs.setup import Owner
from ground2cloud.openssh.sshd.child import NAME as SSHD
from ground2cloud.openssh.sshd.sessions import Session
from ground2cloud.registry.errors import RegistryError
from ground2cloud.registry.store import Registry
from ground2cloud.reload.watch import FileWatch
from ground2cloud.rendering.atomic import make_private_directory, write_atomic
from ground2cloud.roles import signals
from ground2cloud.roles.gateway import anew, foundation, report, system
from ground2cloud.roles.gateway.book import Book
from ground2cloud.roles.gateway.desk import GatewayDesk
from ground2cloud.roles.gateway.doorkeeper import Doorkeeper
from ground2cloud.roles.gateway.doors import Doors
from ground2cloud.roles.gateway.keyring import Keyring
from ground2cloud.roles.gateway.listeners import Place
from ground2cloud.roles.gateway.live import LiveConfiguration, Parts, warn_of_ports
from ground2cloud.roles.gateway.making import (
    facts,
    make_lanes,
    make_router,
    make_sshd,
    uncollected,
)
from ground2cloud.roles.gateway.metrics import Figures
from ground2cloud.roles.gateway.narrating import Narrator
from ground2cloud.roles.gateway.overview import Overview
from ground2cloud.roles.gateway.reports import Reports
from ground2cloud.roles.gateway.routing import NAME as ROUTER
from ground2cloud.roles.gateway.trouble import Trouble
from ground2cloud.roles.keeping import for_ever
from ground2cloud.service.notify import Notifier
from ground2cloud.web.gateway_messages import Agents, GatewayStatus
from ground2cloud.web.messages import Answer

_log = logging.getLogger(__name__)

LOOK_INTERVAL = 0.5
"""Seconds between two looks whether another process changed the registry; one takes 0.2 ms."""

WRITE_INTERVAL = 10.0
"""Seconds between two writings of when agents were seen."""

_SHOWN = 5  # registrations with lanes that don't end


class Gateway:
    """A running gateway; implements `web.gateway_messages.GatewayControl`.

    Args:
        path: its configuration file.
        config: what it says.
        places: where things are.
        owner: the log.
        registry: open, and closed by the caller.
    """

    def __init__(
        self,
        path: Path,
        config: GatewayConfig,
        places: GatewayLocations,
        owner: Owner,
        registry: Registry,
    ) -> None:
        self._path = path
        self._config = config
        self._places = places
        self._owner = owner
        self._files = foundation.RunFiles(places.run)
        self._started = monotonic()
        self._started_at = iso(wall())
        self._meter = Meter(os.getpid())
        self._notifier = Notifier()
        self._stopping = asyncio.Event()
        self.begins_anew = False
        """Whether it ended in order to be started again in the same process."""
        self._tasks: set[asyncio.Task[Any]] = set()
        self._written_at = 0.0
        self._registry = Trouble("registry", "the registry can be used again")
        self._keys = Trouble("keys", "the keys of sshd are written again")
        self._book = Book(registry)
        self._reports = Reports()
        self._audit = foundation.open_audit(places, config.audit)
        self._records = Records(self._files.children, write_atomic)
        self._narrator = Narrator()
        self._supervisor = Supervisor(self._on_transition, self._narrator.line, self._on_process)
        self._doors = Doors(config, places.run, self, self._figures)
        self._built = asyncio.Event()

    async def live(self) -> None:
        """Start everything, wait for the request to stop, end everything."""
        signals.listen(self._stop, lambda: self._spawn(self.reload()))
        text = f"ground2cloud {__version__} gateway with {self._path} as {system.current()}"
        log(_log, logging.INFO, "started", text)
        for directory in (self._places.run, self._files.home, self._files.router):
            make_private_directory(directory)
        for name, pid in self._records.end_stale():
            message = f"ended {name} {pid}, left by a gateway that was killed"
            log(_log, logging.WARNING, "stale-ended", message, pid=pid)
        warn_of_ports(self._config)
        self._watch = FileWatch(asyncio.get_running_loop(), self._on_file)
        self._watch.watch([self._path])
        with uncollected():
            await self._book.look()
            await self._build()
        await self._doors.open(self._config, self._desk, self._certificates)
        self._watch.watch(self._live.files)
        self._built.set()
        router = self._router
        loops = (router.keep, router.keep_ports, router.keep_figures)
        tasks = [
            asyncio.create_task(for_ever(loop)) for loop in (self._lanes.watch, self._keep, *loops)
        ]
        self._notifier.ready(f"{len(self._book.registrations)} registrations")
        self._audit.write("started", wall(), version=__version__, operator=system.current())
        try:
            await self._stopping.wait()
        finally:
            self._tell_end()
            for task in (*tasks, *self._tasks):
                task.cancel()
            await asyncio.gather(*tasks, *self._tasks, return_exceptions=True)
            self._watch.close()
            self._lanes.close()
            await self._doors.close()
            await self._end_children()
            with contextlib.suppress(RegistryError):  # a database that is away keeps nobody here
                await self._write_sightings()
            self._audit.write("stopped", wall())
            log(_log, logging.INFO, "stopped", "stopped")

    def _tell_end(self) -> None:
        if self.begins_anew:
            self._notifier.reloading()
            self._notifier.give_back()
            log(_log, logging.INFO, "restarting", "restarting; lanes that are up stay up")
        else:
            self._notifier.stopping()
            log(_log, logging.INFO, "stopping", "stopping")

    async def _end_children(self) -> None:
        if self.begins_anew:
            # Lanes are sessions of sshd and outlive it; the next run finds them in the record.
            await self._supervisor.stop(SSHD)
            await self._lanes.end_strays(over=True)
            await self._supervisor.close()  # the router last: it is what callers miss
            await signals.hold()  # a stop from here on is one of the next run
        if self.begins_anew:  # still: whoever says stop meanwhile means it
            return
        # At the same time: sshd's last words are waited for, and its sessions have the pipe.
        await asyncio.gather(self._supervisor.close(), self._lanes.claims.end_all())
        await self._lanes.claims.end_all()  # those that got in meanwhile
        await self._lanes.end_strays(over=True)

    async def _build(self) -> None:
        """Make the parts that need the programs, and start those."""
        config, places = self._config, self._places
        sshd, identity = await make_sshd(config, places, self._hear)
        self._lanes = make_lanes(
            config,
            self._files,
            on_change=self._on_lanes,
            on_login=self._on_login,
            on_surplus=self._on_surplus,
        )
        self._router = await make_router(
            config, places, self._book, self._lanes, lambda: self._supervisor.reload(ROUTER)
        )
        self._keyring = Keyring(self._book, sshd, self._lanes, self._reload_sshd)
        self._doorkeeper = Doorkeeper(
            self._book,
            self._lanes,
            self._keyring,
            self._router,
            reports=self._reports,
            audit=self._audit,
        )
        self._desk = GatewayDesk(
            facts=facts(config, identity),
            book=self._book,
            keyring=self._keyring,
            lanes=self._lanes,
            reports=self._reports,
            audit=self._audit,
            on_routes=self._router.poke,
        )
        self._overview = Overview(
            supervisor=self._supervisor,
            book=self._book,
            lanes=self._lanes,
            router=self._router,
            desk=self._desk,
            reports=self._reports,
        )
        self._certificates = await asyncio.to_thread(foundation.certificates, config, places)
        parts = Parts(
            self._supervisor,
            sshd,
            self._router,
            self._lanes,
            self._doors,
            self._desk,
            self._certificates,
            self._book.registry,
            self._owner,
            self._watch,
            self._audit,
        )
        self._live = LiveConfiguration(self._path, config, places, identity, parts)
        await self._doorkeeper.begin()
        self._supervisor.start(sshd.spec())
        self._supervisor.start(self._router.spec())

    async def status(self) -> GatewayStatus:
        """Answer with what is known now."""
        counts = report.count(await self._overview.agents())
        children = self._overview.children()
        own = self._meter.look()
        return GatewayStatus(
            version=__version__,
            pid=os.getpid(),
            config=str(self._path),
            log=str(self._owner.file),
            host=self._live.config.gateway.host,
            started_at=self._started_at,
            uptime=monotonic() - self._started,
            summary=report.summary(counts, children),
            children=children,
            addresses=report.addresses(self._live.config, self._doors.metrics),
            counts=counts,
            elements=self._overview.elements(),
            problems=self._problems(),
            memory=own.memory if own is not None else None,
            cpu_percent=own.cpu_percent if own is not None else None,
        )

    async def agents(self) -> Agents:
        """Answer with all registrations and their lanes."""
        return Agents(agents=tuple(await self._overview.agents()))

    async def refresh(self, registration: int | None) -> Answer:
        """Take up what a command has changed in the registry; answer when it is in force."""
        try:  # what is new is read, whichever it is
            await self._book.look()
            await self._doorkeeper.enforce()
        except (RegistryError, RuntimeSocketError, OSError) as error:
            self._router.poke()
            message = f"it is written down, but not in force yet: {error}"
            return Answer(ok=False, message=message, hint="the gateway goes on trying")
        if registration in self._doorkeeper.stuck:
            message = f"it is written down, but lanes of registration {registration} don't end"
            return Answer(ok=False, message=message, hint="the gateway goes on trying")
        return Answer(ok=True)

    async def reload(self) -> Answer:
        """Load the file again and put in force what is different; keep what runs if it is bad."""
        await self._built.wait()
        self._notifier.reloading()
        try:
            answer = await self._live.reload()
            self._watch.watch(self._live.files)
        finally:
            self._notifier.ready(f"{len(self._book.registrations)} registrations")
        return answer

    async def restart(self) -> Answer:
        """End, and run the program that is installed now in this process; lanes stay up.

        Refused where the next run would fail, or not find the lanes that it is to keep.
        """
        present = self._live.config
        if refusal := await anew.refusal(self._path, self._config, self._places, present):
            return refusal
        if self._stopping.is_set():  # meanwhile
            return Answer(ok=False, message="the gateway is stopping")
        self.begins_anew = True
        self._stopping.set()
        return Answer(ok=True)

    async def stop(self) -> Answer:
        """End the program."""
        self._stop()
        return Answer(ok=True)

    def _stop(self) -> None:
        self.begins_anew = False
        self._stopping.set()

    async def _keep(self) -> None:
        """Do what is due, again and again, until cancelled."""
        while True:
            self._notifier.watchdog()
            self._owner.settle()
            self._lanes.settle()
            await self._keep_in_force()
            await asyncio.sleep(self._notifier.due(LOOK_INTERVAL))

    async def _keep_in_force(self) -> None:
        """Read what is new and put it in force; what is owed, also while the registry is away."""
        news = False
        try:
            news = await self._book.look()
            if monotonic() - self._written_at > WRITE_INTERVAL:
                await self._write_sightings()
        except RegistryError as error:
            self._registry.note(str(error))
        else:
            self._registry.note("")
        try:
            if news or self._doorkeeper.owes:
                await self._doorkeeper.enforce()
        except RuntimeSocketError:
            self._router.poke()
        except OSError as error:
            self._router.poke()
            self._keys.note(f"the keys of sshd can't be written: {error.strerror or error}")
        else:
            self._keys.note("")

    async def _write_sightings(self) -> None:
        self._written_at = monotonic()
        due = self._reports.take_due()
        if due:
            await self._book.ask(lambda it: it.seen(due))

    async def _figures(self) -> Figures:
        return await self._overview.figures()  # made later than the doors

    def _problems(self) -> tuple[str, ...]:
        mine = (
            self._registry.text,
            self._keys.text,
            self._lanes.trouble,
            self._audit.trouble,
            self._owner.trouble,
            self._doors.trouble,
        )
        stuck = sorted(self._doorkeeper.stuck)[:_SHOWN]
        lanes = (f"lanes of registration {each} that should end don't" for each in stuck)
        return *self._live.problems, *filter(None, mine), *lanes, *self._overview.taken()

    async def _reload_sshd(self) -> None:
        if SSHD in self._supervisor.names:  # before its start there is nothing to reload
            await self._supervisor.reload(SSHD)

    def _hear(self, event: object) -> None:
        self._lanes.hear(event)
        self._doorkeeper.hear(event)

    def _on_lanes(self, _changed: frozenset[Place]) -> None:
        self._router.poke()

    def _on_login(self, session: Session) -> None:
        self._doorkeeper.login(session)

    def _on_surplus(self, registration: int, ended: int) -> None:
        self._doorkeeper.surplus(registration, ended)

    def _on_transition(self, transition: Transition) -> None:
        run = self._supervisor.run_of(transition.name)
        self._narrator.transition(transition, run.started_at if run is not None else None)
        if transition.name == ROUTER:
            self._router.seen(transition.after.state)

    def _on_process(self, name: str, pid: int) -> None:
        self._records.note(name, pid)
        if name == SSHD:
            self._lanes.strays.began(pid)

    def _on_file(self, path: Path) -> None:
        if path == self._path:
            self._spawn(self.reload())
        elif self._built.is_set():
            self._spawn(self._live.renew_certificate())

    def _spawn(self, job: Coroutine[Any, Any, object]) -> None:
        task = asyncio.create_task(job)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
