"""The agent: the one place where its parts are wired together.

`run` keeps the lanes of one `agent.toml` up until it is told to stop. Once the configuration is
good at the start, nothing ends the program but a request: no network, no name, no key, no ssh, a
full disk and a broken edit are all states that it waits in and reports.
"""

import asyncio
import contextlib
import dataclasses
import faulthandler
import logging
import os
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

import msgspec

from ground2cloud import __version__
from ground2cloud.config.load import load_agent
from ground2cloud.config.locations import Locations, locate
from ground2cloud.config.model import AgentConfig, Service
from ground2cloud.core.clock import iso, monotonic, wall
from ground2cloud.core.lock import StateLock
from ground2cloud.core.records import Records
from ground2cloud.core.spec import Verdict
from ground2cloud.core.states import State
from ground2cloud.core.supervise import Supervisor, Transition
from ground2cloud.core.usage import Meter
from ground2cloud.errors import ConfigError
from ground2cloud.logs.fields import log
from ground2cloud.logs.setup import Owner, configure
from ground2cloud.openssh.forward import Forward
from ground2cloud.reload.diff import Changes, diff
from ground2cloud.reload.watch import FileWatch
from ground2cloud.rendering.atomic import write_atomic
from ground2cloud.roles import report, signals
from ground2cloud.roles.checks import Checks
from ground2cloud.roles.fleet import Fleet
from ground2cloud.roles.keeping import for_ever
from ground2cloud.roles.lane import Lane, Shop
from ground2cloud.roles.listening import LaneLog
from ground2cloud.roles.narrate import describe, title
from ground2cloud.roles.overview import Overview
from ground2cloud.roles.paused import Paused
from ground2cloud.roles.registration.membership import Membership
from ground2cloud.roles.registration.placing import NOT_REGISTERED, placed
from ground2cloud.roles.registration.report import heartbeat
from ground2cloud.roles.sessions import Sessions
from ground2cloud.roles.ticking import INTERVAL, Ticker
from ground2cloud.service.notify import Notifier
from ground2cloud.web.messages import Answer, Status
from ground2cloud.web.server import ApiServer

_log = logging.getLogger(__name__)

SETTLE_TIMEOUT = 15.0
"""Seconds for which `restart` waits for the lanes before it answers."""


def run(path: Path, *, stderr: bool = True) -> int:
    """Keep the lanes of the configuration at `path` up; answer the exit code when told to stop.

    The log goes to its file, and with `stderr` to standard error as well.

    Raises:
        ConfigError: the configuration is unusable at the start.
        AlreadyRunningError: another agent uses the same state directory.
    """
    path = path.absolute()
    config = load_agent(path)
    places = locate(config, path, os.environ)
    lock = StateLock(places.state / "agent.lock")
    lock.acquire(os.getpid())
    owner = configure(config.log, places.log_file, stderr=stderr)
    faulthandler.enable()
    try:
        asyncio.run(Agent(path, config, places, owner).live())
    finally:
        owner.close()
        lock.release()
    return 0


class Agent:
    """A running agent; implements `web.messages.Control`."""

    def __init__(self, path: Path, config: AgentConfig, places: Locations, owner: Owner) -> None:
        self._path = path
        self._config = config
        self._places = places
        self._owner = owner
        self._started = monotonic()
        self._started_at = iso(wall())
        self._problems: tuple[str, ...] = ()
        self._own_meter = Meter(os.getpid())
        self._stopping = asyncio.Event()
        self._moved = asyncio.Event()
        self._api = ApiServer(self, config.api.listen, places.run)
        self._changing = asyncio.Lock()
        self._tasks: set[asyncio.Task[Any]] = set()
        self._notifier = Notifier()
        self._paused = Paused(places.state / "paused.json", write_atomic)
        self._records = Records(places.run / "children.json", write_atomic)
        sessions = Sessions(places.state / "sessions.json", write_atomic, wall)
        self._member = Membership(
            places.state,
            lambda: heartbeat(self.status(), wall()),
            lambda: tuple((each.name, each.kind) for each in self._config.service),
            lambda: self._spawn(self._rejoin()),
            lambda: self._fleet.probed,
        )
        # Its gateway hears at once of an application that is gone or there again.
        self._checks = Checks(self._member.news)
        self._shop = Shop(
            config,
            places,
            sessions,
            self._checks.poke,
            way=self._member.way,
            claim=self._member.claim,
        )
        self._supervisor = Supervisor(self._on_transition, self._on_line, self._on_process)
        self._fleet = Fleet(self._supervisor, self._shop)
        self._lane_log = LaneLog()
        self._overview = Overview(
            self._supervisor, self._fleet, self._checks, self._paused, self._member
        )

    async def live(self) -> None:
        """Start everything, wait for the request to stop, end everything."""
        signals.listen(self._stopping.set, lambda: self._spawn(self.reload()))
        log(_log, logging.INFO, "started", f"ground2cloud {__version__} with {self._path}")
        for name, pid in self._records.end_stale():
            message = f"ended ssh {pid}, left by an agent that was killed"
            log(_log, logging.WARNING, "stale-ended", message, lane=name, pid=pid)
        watch = FileWatch(asyncio.get_running_loop(), self._on_file)
        self._watch = watch
        self._watch_files()
        self._load_identity(self._config)
        await self._fleet.rebuild(self._effective(self._config).service)
        self._checks.set(self._offered(self._config))
        self._member.start()
        await self._api.start()
        ticker = Ticker(self._supervisor.wake, self._owner.settle, self._notifier)
        ticking = asyncio.create_task(for_ever(ticker.tick_for_ever, again=INTERVAL))
        self._notifier.ready(self._summary())
        try:
            await self._stopping.wait()
        finally:
            self._notifier.stopping()
            log(_log, logging.INFO, "stopping", "stopping")
            ticking.cancel()
            watch.close()
            self._member.close()
            self._checks.close()
            await self._supervisor.close()
            await self._api.close()
            log(_log, logging.INFO, "stopped", "stopped")

    def status(self) -> Status:
        """Answer with what is known now."""
        services = self._overview.services(self._config)
        own = self._own_meter.look()
        return Status(
            version=__version__,
            pid=os.getpid(),
            config=str(self._path),
            log=str(self._owner.file),
            log_trouble=self._owner.trouble,
            gateway=self._gateway,
            started_at=self._started_at,
            uptime=monotonic() - self._started,
            summary=report.summary(services),
            lanes=self._overview.lanes(),
            services=tuple(services.values()),
            problems=self._problems,
            memory=own.memory if own is not None else None,
            cpu_percent=own.cpu_percent if own is not None else None,
            registration=self._member.status(),
        )

    async def reload(self) -> Answer:
        """Load the file again and apply what is different; keep what runs if it is bad.

        A lane that waits tries again: what was in its way may have been mended on the gateway.
        """
        async with self._changing:
            self._watch.reading(self._path)
            try:
                config = load_agent(self._path)
            except ConfigError as error:
                return self._refuse(error)
            if self._problems:
                log(_log, logging.INFO, "config-good", f"{self._path.name} is good again")
            self._problems = ()
            self._notifier.reloading()
            message = describe(await self._apply(config))
            self._watch_files()
            if waiting := self._fleet.waiting:
                tried = ", ".join(map(title, waiting))
                log(_log, logging.INFO, "trying-again", f"trying {tried} again")
                message += f"; trying {tried} again"
                self._fleet.retry(waiting)
            self._notifier.ready(self._summary())
            return Answer(ok=True, message=message)

    async def pause(self, service: str) -> Answer:
        """Withdraw a service until it is resumed, also across restarts of the program."""
        return await self._set_paused(service, paused=True)

    async def resume(self, service: str) -> Answer:
        """Offer a paused service again."""
        return await self._set_paused(service, paused=False)

    async def restart(self) -> Answer:
        """Begin every lane anew and wait for what comes of it."""
        async with self._changing:
            log(_log, logging.INFO, "restart", "restarting the lanes as asked")
            await self._fleet.rebuild(self._effective(self._config).service)
        await self._settle()
        summary = self._summary()
        return Answer(ok=True, message=summary)

    async def stop(self) -> Answer:
        """End the program."""
        self._stopping.set()
        return Answer(ok=True)

    @property
    def _gateway(self) -> str:
        return self._shop.address

    def _effective(self, config: AgentConfig) -> AgentConfig:
        """The configuration as the lanes carry it: with ports, without the paused services."""
        config = placed(config, self._shop.identity)
        return msgspec.structs.replace(config, service=self._offered(config))

    def _offered(self, config: AgentConfig) -> tuple[Service, ...]:
        return tuple(each for each in config.service if each.name not in self._paused.names)

    def _load_identity(self, config: AgentConfig) -> None:
        """Read who this agent is; without `[gateway]` that says where to go."""
        self._member.load(config)
        self._shop.identity = self._member.identity
        self._places = self._shop.places = self._member.placed(self._places)
        if config.gateway is None and self._member.identity is None:
            message = f"{NOT_REGISTERED}, and waits for it: ground2cloud register"
            log(_log, logging.WARNING, "not-registered", message)

    async def _rejoin(self) -> None:
        """Take up what has become of the registration."""
        async with self._changing:
            before, was = self._effective(self._config), self._shop.identity
            self._load_identity(self._config)
            now = self._shop.identity
            if now == was:
                return
            if now is not None and not now.is_same(was):
                message = f"this agent is registration {now.registration}"
                log(_log, logging.INFO, "registered", message)
            anew = now is not None and not now.shares_lanes(was)
            await self._apply(self._config, before, anew=anew)
            self._watch_files()
            self._fleet.retry(self._fleet.lanes)

    async def _apply(
        self, config: AgentConfig, before: AgentConfig | None = None, *, anew: bool = False
    ) -> Changes:
        """Go from the running configuration to this one by the smallest change, or `anew`."""
        before = before or self._effective(self._config)
        if (config.gateway is None) != (self._config.gateway is None):
            self._load_identity(config)
        after = self._effective(config)
        changes = diff(before, after)
        places = locate(config, self._path, os.environ)
        if changes.paths_changed:
            message = "[paths] takes effect when ground2cloud is started again"
            log(_log, logging.WARNING, "restart-needed", message)
        places = dataclasses.replace(places, state=self._places.state, run=self._places.run)
        self._places = self._member.placed(places)
        self._config = self._shop.config = config
        self._shop.places = self._places
        if changes.log_changed or self._places.log_file != self._owner.file:
            self._owner.apply(config.log, self._places.log_file)
        if changes.api_changed:
            await self._api.move(config.api.listen)
        if changes.gateway_or_ssh_changed or anew:
            await self._fleet.rebuild(after.service)
        else:
            if changes.backoff_changed:
                self._fleet.respecify()
            await self._fleet.change(changes)
        self._checks.set(self._offered(config))
        self._member.news()
        if changes:
            log(_log, logging.INFO, "reloaded", f"configuration applied: {describe(changes)}")
        return changes

    def _refuse(self, error: ConfigError) -> Answer:
        problems = tuple(str(problem) for problem in error.problems)
        if problems != self._problems:
            for problem in problems:
                log(_log, logging.ERROR, "config-bad", problem)
            message = "the running configuration stays"
            log(_log, logging.WARNING, "config-kept", message)
        self._problems = problems
        return Answer(ok=False, problems=problems)

    async def _set_paused(self, name: str, *, paused: bool) -> Answer:
        async with self._changing:
            if name not in {service.name for service in self._config.service}:
                names = ", ".join(service.name for service in self._config.service) or "none"
                return Answer(ok=False, problems=(f"no service {name}; there are: {names}",))
            before = self._effective(self._config)
            try:
                (self._paused.add if paused else self._paused.discard)(name)
            except OSError as error:
                return Answer(ok=False, problems=(f"can't remember it: {error}",))
            message = f"service {name} " + ("paused" if paused else "resumed")
            log(_log, logging.INFO, message.replace(f" {name} ", "-"), message, service=name)
            await self._apply(self._config, before)
        return Answer(ok=True, message=message)

    def _on_transition(self, transition: Transition) -> None:
        self._moved.set()
        self._moved.clear()
        lane = self._fleet.lanes.get(transition.name)
        if lane is None:
            return
        run = self._supervisor.run_of(transition.name)
        self._lane_log.transition(lane, transition, run, self._gateway)
        verdict = transition.after.verdict
        if transition.after.state is State.READY:
            self._member.way.worked()
            self._member.news()
        if transition.after.state in {State.BACKOFF, State.BLOCKED} and verdict is not None:
            was_ready = transition.before.state is State.READY
            if self._member.ended(lane.dialled, verdict, was_ready=was_ready):
                # Not for the sake of a rest: nobody has been asked there yet.
                asyncio.get_running_loop().call_soon(self._supervisor.changed, lane.name)
            if self._config.ssh.session == "auto" and lane.is_session_unwanted(verdict):
                self._shop.sessions.remember(self._shop.server)
                message = f"{self._gateway} allows no session beside the forwards: going on with -N"
                log(_log, logging.INFO, "session-none", message, lane=lane.name)
            failed = lane.observer.failed if lane.observer is not None else None
            self._spawn(self._part(lane, verdict, failed))
        self._notifier.status(self._summary())

    async def _part(self, lane: Lane, verdict: Verdict, failed: Forward | None) -> None:
        async with self._changing:
            self._fleet.part(lane, verdict, failed)

    def _on_process(self, name: str, pid: int) -> None:
        self._records.note(name, pid)

    def _on_line(self, name: str, line: str) -> None:
        lane = self._fleet.lanes.get(name)
        if lane is not None:
            self._lane_log.line(lane, line)

    def _on_file(self, path: Path) -> None:
        if path == self._path:
            self._spawn(self.reload())
            return
        if path == self._member.path:
            self._spawn(self._rejoin())
            return
        log(_log, logging.INFO, "file-changed", f"{path.name} changed; blocked lanes try again")
        self._fleet.retry(self._fleet.lanes)

    def _watch_files(self) -> None:
        places = self._places
        keys = [places.identity_file, self._member.path]
        others = [places.known_hosts] if places.known_hosts is not None else []
        self._watch.watch([self._path, *others], keys=keys)

    def _summary(self) -> str:
        return self._overview.summary(self._config)

    async def _settle(self) -> None:
        """Wait until no lane is on its way any more, or for as long as a person would."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(SETTLE_TIMEOUT):
                while self._fleet.is_moving:
                    await self._moved.wait()

    def _spawn(self, work: Coroutine[Any, Any, Any]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
