"""Which service rides on which lane, and the smallest change from one configuration to the next.

All services share lane 1. A service gets a lane of its own only where sharing would hurt others:

- the gateway refuses its forward: ExitOnForwardFailure would end everyone's lane, again and again
- its port on the gateway is taken by somebody else for long
- it was added while lane 1 lives, and lane 1 can't take it up without being replaced

They come together again when the lanes are rebuilt: at a restart, or when the gateway changes.
"""

import logging
from collections.abc import Iterable

from ground2cloud.config.model import Service
from ground2cloud.core.clock import monotonic
from ground2cloud.core.spec import Verdict
from ground2cloud.core.states import State
from ground2cloud.core.supervise import Supervisor
from ground2cloud.logs.fields import log
from ground2cloud.openssh.forward import Forward
from ground2cloud.reload.diff import Changes, Edited
from ground2cloud.roles.lane import Lane, Shop
from ground2cloud.roles.narrate import title

_log = logging.getLogger(__name__)

TAKEN_FOR = 60.0
"""Seconds for which a port may be taken before its service has to leave a shared lane. A stale
session of our own frees its port within 27 s of a server with ClientAliveInterval 5."""

MAYBE_OURS_FOR = 300.0
"""The same for a lane that was up, where no claim ends its stale session: an ordinary server's
ClientAliveInterval 15 keeps its ports for 118 s."""


class Fleet:
    """The lanes of an agent. Changes come one after the other: the caller waits for each."""

    def __init__(self, supervisor: Supervisor, shop: Shop) -> None:
        self.lanes: dict[str, Lane] = {}
        self._supervisor = supervisor
        self._shop = shop

    def lane_of(self, service: str) -> Lane | None:
        """The lane that carries the service of this name."""
        for lane in self.lanes.values():
            if any(each.name == service for each in lane.services):
                return lane
        return None

    @property
    def is_moving(self) -> bool:
        """Whether a lane is on its way from one state to another."""
        moving = {State.STARTING, State.DRAINING}
        return any(self._supervisor.child(name).state in moving for name in self.lanes)

    @property
    def waiting(self) -> tuple[str, ...]:
        """The lanes that wait for the next try."""
        waits = {State.BACKOFF, State.BLOCKED}
        return tuple(name for name in self.lanes if self._supervisor.child(name).state in waits)

    @property
    def probed(self) -> tuple[str, ...]:
        """The slots of the lanes that are up and whose paths can be proved."""
        up = [lane for lane in self.lanes.values() if self._is_ready(lane)]
        return tuple(lane.slot for lane in up if lane.slot is not None and lane.probe is not None)

    async def rebuild(self, services: tuple[Service, ...]) -> None:
        """Put all services on lane 1 and begin a new run of it."""
        for name in [name for name in self.lanes if name != "lane1" or not services]:
            await self._end(name)
        if not services:
            return
        lane = self.lanes.get("lane1")
        if lane is None:
            self._open("lane1", services)
        else:
            lane.services = services
            self._replace(lane)

    async def change(self, changes: Changes) -> None:
        """Do what the changes of services ask for, and no more."""
        for service in changes.removed:
            await self._withdraw(service)
        for edit in changes.retargeted:
            await self._retarget(edit)
        await self._rebind(changes.rebound)
        for edit in changes.rekinded:
            _put(self.lane_of(edit.new.name), edit)
        for service in changes.added:
            await self._offer(service)

    def respecify(self) -> None:
        """Let changed limits take effect; touches no process."""
        for lane in self.lanes.values():
            self._supervisor.respecify(lane.spec())

    def retry(self, lanes: Iterable[str]) -> None:
        """Try these again now, as far as they wait."""
        for name in tuple(lanes):
            self._supervisor.changed(name)

    def part(self, lane: Lane, verdict: Verdict, failed: Forward | None) -> None:
        """Let a service go its own way whose port fails a lane that it shares.

        A lane that no longer waits since it failed so has been changed meanwhile: it stays.
        """
        if self.lanes.get(lane.name) is not lane or lane.name not in self.waiting:
            return
        if failed is not None and failed == lane.probe:
            lane.probe, lane.unprovable_since = None, monotonic()
            message = f"{title(lane.name)} goes on without probes: the gateway has no port for them"
            log(_log, logging.WARNING, "probe-refused", message, lane=lane.name)
            self._supervisor.changed(lane.name)
            return
        port = failed.port if failed is not None else None
        service = next((each for each in lane.services if each.remote_port == port), None)
        if service is None or len(lane.services) == 1 or not self._hurts(lane, verdict, port):
            return
        if not self._has_room:
            return
        lane.services = tuple(each for each in lane.services if each is not service)
        name = self._free_name()
        message = f"service {service.name} moves to {title(name)}, so that the others get through"
        log(_log, logging.WARNING, "service-parted", message, service=service.name, lane=name)
        self._supervisor.changed(lane.name)
        self._open(name, (service,))

    def _hurts(self, lane: Lane, verdict: Verdict, port: int | None) -> bool:
        if verdict.reason == "forward-refused":
            return True
        if verdict.reason != "port-taken" or port is None:
            return False
        may_be_ours = lane.was_ready and self._shop.registered is None
        taken_for = monotonic() - lane.taken_since.setdefault(port, monotonic())
        return taken_for >= (MAYBE_OURS_FOR if may_be_ours else TAKEN_FOR)

    async def _withdraw(self, service: Service) -> None:
        lane = next((each for each in self.lanes.values() if service in each.services), None)
        if lane is None:
            return
        lane.services = tuple(each for each in lane.services if each != service)
        if not lane.services:
            await self._end(lane.name)
        elif not (self._is_ready(lane) and await lane.live_change(service, None)):
            self._replace(lane)

    async def _rebind(self, edits: tuple[Edited, ...]) -> None:
        held = {_listener(each) for lane in self.lanes.values() for each in lane.services}
        if any(_listener(edit.new) in held for edit in edits):
            # Services that swap their ports: everyone has to let go first.
            for edit in edits:
                await self._withdraw(edit.old)
            for edit in edits:
                await self._offer(edit.new)
        else:
            for edit in edits:
                await self._offer(edit.new)  # for a moment both ports lead there
                await self._withdraw(edit.old)

    async def _retarget(self, edit: Edited) -> None:
        lane = self.lane_of(edit.new.name)
        if lane is None:
            return
        live = self._is_ready(lane) and lane.may_add(edit.new)
        _put(lane, edit)
        if not (live and await lane.live_change(edit.old, edit.new)):
            self._replace(lane)

    async def _offer(self, service: Service) -> None:
        lane = self.lanes.get("lane1")
        if lane is None:
            self._open("lane1", (service,))
        elif self._is_ready(lane):
            if lane.may_add(service) and await lane.live_change(None, service):
                lane.services = (*lane.services, service)
            elif self._has_room:
                self._open(self._free_name(), (service,))
            else:
                await self.rebuild((*self._services, service))
        else:
            lane.services = (*lane.services, service)
            self._replace(lane)

    @property
    def _services(self) -> tuple[Service, ...]:
        return tuple(each for lane in self.lanes.values() for each in lane.services)

    @property
    def _has_room(self) -> bool:
        """Whether one more lane has a slot of its own; a plain sshd has no slots to share."""
        identity = self._shop.registered
        return identity is None or len(self.lanes) < len(identity.slots)

    def _open(self, name: str, services: tuple[Service, ...]) -> None:
        self.lanes[name] = lane = Lane(name, services, self._shop)
        self._supervisor.start(lane.spec())

    def _replace(self, lane: Lane) -> None:
        lane.poisoned.clear()
        lane.unprovable_since = None
        lane.was_ready = False
        lane.taken_since.clear()
        self._supervisor.start(lane.spec())

    async def _end(self, name: str) -> None:
        lane = self.lanes.pop(name)
        await self._supervisor.stop(name)
        if name not in self.lanes:
            lane.clear()

    def _is_ready(self, lane: Lane) -> bool:
        return self._supervisor.is_ready(lane.name)

    def _free_name(self) -> str:
        number = next(n for n in range(1, len(self.lanes) + 2) if f"lane{n}" not in self.lanes)
        return f"lane{number}"


def _put(lane: Lane | None, edit: Edited) -> None:
    if lane is not None:
        lane.services = tuple(
            edit.new if each.name == edit.new.name else each for each in lane.services
        )


def _listener(service: Service) -> tuple[str, int]:
    return service.remote_bind, service.remote_port
