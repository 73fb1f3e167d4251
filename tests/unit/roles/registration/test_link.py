"""What the running agent makes of its gateway's answers, whatever the disk does meanwhile."""

import asyncio
import threading
from collections.abc import Callable

import pytest
from msgspec.structs import replace

from ground2cloud.backchannel import messages
from ground2cloud.config.identity import Identity
from ground2cloud.config.model import Kind
from ground2cloud.errors import Ground2CloudError
from ground2cloud.roles.registration import link as module
from ground2cloud.roles.registration.link import Link, Wanted
from ground2cloud.roles.registration.store import Store
from tests.lab.waiting import eventually
from tests.unit.config.test_identity import GOOD

ELSEWHERE = replace(GOOD, token="u" * 43, service=())
"""Of another gateway: the first registration of each is number 1001."""
WANTED: Wanted = (("app", Kind.HTTP), ("new", Kind.HTTP))
REPORT = messages.HeartbeatRequest(version="0", time=0.0, lanes=(), services=())


class Gateway:
    """Allots ports, and counts heartbeats."""

    timing = None

    def __init__(self) -> None:
        self.beats = 0
        self.asked = 0
        self.first = 11081

    def set_services(self, services: Wanted) -> messages.ServicesAnswer:
        self.asked += 1
        allotted = (
            messages.AllottedService(name=name, kind=kind, port=self.first + place)
            for place, (name, kind) in enumerate(services)
        )
        return messages.ServicesAnswer(services=tuple(allotted))

    def heartbeat(self, _report: messages.HeartbeatRequest) -> messages.HeartbeatAnswer:
        self.beats += 1
        return messages.HeartbeatAnswer(next_in=1)


class Disk:
    """Stands for the store: keeps the identity as `act` says, in whichever thread it is asked."""

    def __init__(self, act: Callable[[], object]) -> None:
        self.identity = GOOD
        self.asked = 0
        self.kept: list[Identity] = []
        self._act = act

    def update(self, change: Callable[[Identity], Identity]) -> Identity | None:
        self.asked += 1
        self._act()
        self.identity = change(self.identity)
        self.kept.append(self.identity)
        return self.identity

    def public_key(self, _name: str) -> str:
        return ""


async def prove(_identity: Identity, _next_in: float) -> bool:
    return True


async def visited(link: Link, gateway: Gateway) -> None:
    """Wait for a visit that began after this."""
    for _ in range(2):
        before = gateway.beats
        link.poke()
        await eventually(lambda: gateway.beats > before, what="a visit")  # noqa: B023


def linked(
    disk: Disk, monkeypatch: pytest.MonkeyPatch, *, wanted: Wanted = WANTED
) -> tuple[Link, Gateway, list[Identity]]:
    """A link that speaks for GOOD, and what it tells of."""
    gateway, changes = Gateway(), list[Identity]()
    monkeypatch.setattr(module, "client_of", lambda *_, **__: gateway)
    monkeypatch.setattr(module, "SOONEST", 0.01)
    store = Store.__new__(Store)
    monkeypatch.setattr(store, "update", disk.update)
    monkeypatch.setattr(store, "public_key", disk.public_key)
    made = Link(store, lambda: REPORT, lambda: wanted, changes.append, prove)
    made.use(GOOD)
    return made, gateway, changes


async def test_a_full_disk_is_told_once_and_ends_no_heartbeat(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    full = [True]

    def act() -> None:
        if full:
            raise Ground2CloudError("/state: No space left on device")

    disk = Disk(act)
    link, gateway, changes = linked(disk, monkeypatch)
    link.start()
    try:
        for count in range(1, 4):
            await eventually(lambda: gateway.beats >= count, what="a heartbeat")  # noqa: B023
            link.poke()
        assert disk.asked >= 2
        assert link.state.up
        told = [each for each in caplog.messages if "No space left" in each]
        assert told == ["can't keep what the gateway said: /state: No space left on device"]
        full.clear()
        link.poke()
        await eventually(lambda: changes, what="it kept in the end")
        assert [each.name for each in changes[0].service] == ["app", "new"]
    finally:
        link.close()


async def test_other_ports_are_asked_for_until_they_are_kept(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A gateway that came back from a backup allots them for the same services."""
    full = [True]

    def act() -> None:
        if full:
            raise Ground2CloudError("/state: No space left on device")

    disk = Disk(act)
    link, gateway, changes = linked(disk, monkeypatch, wanted=WANTED[:1])
    gateway.first = 12001
    link.start()
    try:
        for count in range(1, 4):
            await eventually(lambda: gateway.beats >= count, what="a heartbeat")  # noqa: B023
            link.poke()
        assert gateway.asked >= 2
        full.clear()
        link.poke()
        await eventually(lambda: changes, what="it kept in the end")
        assert [each.port for each in changes[0].service] == [12001]
        await visited(link, gateway)
        asked = gateway.asked
        await visited(link, gateway)
        assert gateway.asked == asked, "once it is kept, there is nothing to ask"
    finally:
        link.close()


async def test_an_older_identity_that_was_put_back_is_brought_up_to_date(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    disk = Disk(lambda: None)
    link, gateway, changes = linked(disk, monkeypatch, wanted=WANTED[:1])
    gateway.first = 12001
    link.start()
    try:
        await eventually(lambda: changes, what="what the gateway allots")
        disk.identity = GOOD
        link.use(GOOD)
        await eventually(lambda: changes[1:], what="the same once more")
        assert [each.port for each in disk.identity.service] == [12001]
    finally:
        link.close()


async def test_a_disk_that_hangs_keeps_nobody_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    """And what it is told for one registration is not kept for the next one."""
    gate = threading.Event()
    disk = Disk(lambda: gate.wait(5))
    link, gateway, changes = linked(disk, monkeypatch)
    link.start()
    try:
        await eventually(lambda: disk.asked, what="the disk is asked")
        link.use(ELSEWHERE)
        assert changes == []
        disk.identity = ELSEWHERE
        gate.set()
        await eventually(lambda: gateway.beats >= 2, what="the next visit")
        assert disk.kept[0] == ELSEWHERE
        assert all(each.is_same(ELSEWHERE) for each in changes)
    finally:
        gate.set()
        link.close()
        await asyncio.sleep(0)
