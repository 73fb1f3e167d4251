"""Who may not stay goes, whatever failed or was killed before; with sessions of a real sshd."""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from ground2cloud.config.model import Kind
from ground2cloud.openssh.sshd.authorized import fingerprint
from ground2cloud.openssh.sshd.events import Accepted
from ground2cloud.openssh.sshd.pacing import Pacing
from ground2cloud.openssh.sshd.sessions import Session
from ground2cloud.openssh.sshd.strays import Strays
from ground2cloud.registry.audit import Audit
from ground2cloud.registry.records import SLOTS, Element, Registration, ServicePort
from ground2cloud.rendering.atomic import write_atomic
from ground2cloud.roles.gateway.doorkeeper import Doorkeeper
from ground2cloud.roles.gateway.lanes import Lanes
from ground2cloud.roles.gateway.reports import Reports
from tests.e2e.gateway_sshd import LOCAL, Client, GatewaySshd, gateway_sshd
from tests.lab.descriptors import none_left
from tests.lab.ports import free_port
from tests.lab.waiting import eventually

NOWHERE = 9


@dataclass
class Rest:
    """What else a doorkeeper works with: the book, sshd's keys and the router, in memory."""

    registrations: dict[int, Registration] = field(default_factory=dict)
    elements: tuple[Element, ...] = ()
    behind: bool = False
    broken: bool = False

    async def change(self, change: Callable[["Rest"], Registration]) -> Registration:
        changed = self.registrations[change(self).id] = change(self)
        return changed

    def confirm_key(self, identity: int, key: str) -> Registration:
        return replace(self.registrations[identity], key=key, next_key=None)

    async def publish(self) -> None:
        if self.broken:
            raise OSError(28, "No space left on device")

    async def end(self, registration: int) -> None:
        """Nobody calls through this router."""

    async def end_element(self, element: int) -> None:
        """Nor anybody of whom this would be."""


class Place:
    """A gateway's sshd, and everything of a gateway that decides who may stay."""

    def __init__(self, sshd: GatewaySshd) -> None:
        self.sshd = sshd
        self.rest = Rest()
        self.port = free_port()
        sshd.register(1001, [self.port])
        self.key = sshd.grants["1001"].key
        self.rest.registrations[1001] = Registration(
            1001,
            "mine",
            self.key,
            None,
            SLOTS,
            (ServicePort("web", Kind.HTTP, self.port),),
            1.0,
            "",
        )
        self.begin_anew()

    def begin_anew(self) -> None:
        """Be the gateway that comes after this one."""
        self.sshd.new_record()
        record = self.sshd.sessions
        record.load()
        self.lanes = Lanes(
            record,
            Strays(self.sshd.directory / "listeners", write_atomic, record),
            Pacing(),
            on_change=lambda _places: None,
            on_login=self._on_login,
        )
        self.lanes.own(self.sshd.grants.values())
        self.sshd.take = self.lanes.hear
        rest: Any = self.rest
        audit = Audit(self.sshd.directory / "audit.log")
        self.doorkeeper = Doorkeeper(rest, self.lanes, rest, rest, reports=Reports(), audit=audit)

    def _on_login(self, session: Session) -> None:
        self.doorkeeper.login(session)

    async def lane(self) -> Client:
        return await self.sshd.lane(1001, LOCAL, {self.port: NOWHERE})

    def next_key(self) -> str:
        """Let a second key of the registration in, as that of "2002"; return it."""
        self.sshd.register(2002, [])
        second = self.sshd.grants.pop("2002").key
        grant = self.sshd.grants["1001"]
        self.sshd.grant("1001b", replace(grant, key=second))
        self.lanes.own([self.sshd.grants["1001b"]])
        return second

    def revoke(self) -> None:
        self.become(revoked_at=2.0)

    def change_key(self) -> None:
        self.become(key=self.next_key())

    def become(self, **values: object) -> None:
        """Have the registration changed, as the book does."""
        before = self.rest.registrations[1001]
        self.rest.registrations[1001] = replace(before, **values)  # type: ignore[arg-type] # the tests name the fields


@pytest.fixture
async def place() -> AsyncIterator[Place]:
    async with gateway_sshd() as running:
        made = Place(running)
        await made.doorkeeper.begin()
        assert not made.doorkeeper.owes
        yield made


@pytest.mark.parametrize("change", [Place.revoke, Place.change_key])
async def test_an_end_that_fails_is_tried_again(
    place: Place, caplog: pytest.LogCaptureFixture, change: Callable[[Place], None]
) -> None:
    lane = await place.lane()
    change(place)
    with none_left():
        for _ in range(3):
            await place.doorkeeper.enforce()
            assert place.doorkeeper.owes
            assert place.doorkeeper.stuck == {1001}
    assert lane.process.poll() is None
    assert caplog.text.count("can't be ended") == 1
    await place.doorkeeper.enforce()
    assert await lane.ended() == 255
    assert not place.doorkeeper.owes
    assert not place.doorkeeper.stuck


async def test_lanes_that_ended_by_themselves_after_all_are_no_trouble_any_more(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fails(_registration: int, **_keep: object) -> int:
        return 1

    lane = await place.lane()
    with monkeypatch.context() as patch:
        patch.setattr(place.lanes, "end", fails)
        place.change_key()
        await place.doorkeeper.enforce()
    assert place.doorkeeper.stuck == {1001}
    lane.process.kill()
    await eventually(lambda: not place.lanes.of(1001), what="its end")
    await place.doorkeeper.enforce()
    assert not place.doorkeeper.stuck
    assert not place.doorkeeper.owes


async def test_a_login_that_could_not_be_ended_at_once_is_ended_later(place: Place) -> None:
    """One of a revoked registration that was being let in while its key was withdrawn."""
    place.revoke()
    await place.doorkeeper.enforce()
    record = place.sshd.sessions
    end_soon = place.lanes.claims._end_soon
    place.lanes.claims._end_soon = lambda _session: None  # type: ignore[method-assign] # it fails
    client = place.sshd.dial(1001)
    await eventually(lambda: record.of(1001), what="its login")
    place.lanes.claims._end_soon = end_soon  # type: ignore[method-assign]
    assert place.doorkeeper.owes
    await place.doorkeeper.enforce()
    assert await client.ended() == 255
    assert not place.doorkeeper.owes


async def test_who_logs_in_while_nothing_can_be_looked_at_is_seen_later(place: Place) -> None:
    await place.lane()
    (login,) = (event for event in place.sshd.events if isinstance(event, Accepted))
    (place.sshd.directory / "sessions").unlink()
    place.begin_anew()
    assert not place.lanes.of(1001)
    with none_left():
        place.lanes.hear(login)
        place.lanes.settle()
    assert not place.lanes.of(1001)
    place.lanes.settle()
    assert len(place.lanes.of(1001)) == 1


async def test_sessions_that_can_not_be_looked_at_are_not_given_up(place: Place) -> None:
    await place.lane()
    with none_left():
        assert len(place.lanes.of(1001)) == 1
    assert len(place.lanes.of(1001)) == 1


async def test_lanes_of_whom_the_book_does_not_know_end_at_the_start(place: Place) -> None:
    """As after a kill in the middle of an `unregister`, or with an older database."""
    lane = await place.lane()
    del place.rest.registrations[1001]
    place.begin_anew()
    await place.doorkeeper.begin()
    assert await lane.ended() == 255
    again = place.sshd.dial(1001)
    assert await again.ended() == 255, "nor may it come again"


async def test_lanes_of_a_former_key_end_at_the_start(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As after a kill between the change of the key and the end of what it had up."""

    async def carries_nothing_yet(_session: Session) -> bool:
        return False

    # Or this gateway itself does, in a moment, what is the next one's here.
    monkeypatch.setattr(place.lanes, "carries", carries_nothing_yet)
    old = await place.lane()
    new = place.next_key()
    place.become(next_key=new)
    await place.doorkeeper.enforce()
    forward = f"{SLOTS[1]}:{place.port}:{LOCAL}:{NOWHERE}"
    stays = place.sshd.dial(2002, "-R", forward)
    await eventually(lambda: place.sshd.holder(1001, SLOTS[1], [place.port]), what="the new lane")
    assert old.process.poll() is None, "both keys are good"
    place.become(key=new, next_key=None)
    place.begin_anew()
    await place.doorkeeper.begin()
    assert await old.ended() == 255
    assert stays.process.poll() is None
    assert len(place.lanes.of(1001)) == 1


async def test_lanes_of_a_former_key_end_with_it(place: Place) -> None:
    """As when a renewed registration is another machine's."""
    old = await place.lane()
    place.change_key()
    assert place.doorkeeper.owes
    await place.doorkeeper.enforce()
    assert await old.ended() == 255
    assert not place.doorkeeper.owes


async def test_a_proven_key_ends_the_former_one_though_keys_can_not_be_written(
    place: Place,
) -> None:
    old = await place.lane()
    new = place.next_key()
    place.become(next_key=new)
    await place.doorkeeper.enforce()
    place.rest.broken = True
    place.sshd.dial(2002, "-R", f"{SLOTS[1]}:{place.port}:{LOCAL}:{NOWHERE}")
    await eventually(lambda: place.rest.registrations[1001].key == new, what="the key is proven")
    assert await old.ended() == 255
    assert {session.fingerprint for session in place.lanes.of(1001)} == {fingerprint(new)}


async def test_sessions_with_a_new_key_are_looked_at_one_at_a_time(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who logs in again and again with it, and holds no port, is looked at no more often."""
    looked_at: set[Session] = set()
    under_way: list[Session] = []
    most = 0

    async def carries(session: Session) -> bool:
        nonlocal most
        under_way.append(session)
        most = max(most, len(under_way))
        await asyncio.sleep(0.02)
        under_way.remove(session)
        looked_at.add(session)
        return False

    monkeypatch.setattr(place.lanes, "carries", carries)
    place.become(next_key=place.next_key())
    await place.doorkeeper.enforce()
    for _ in range(3):
        place.sshd.dial(2002)
    await eventually(lambda: len(looked_at) == 3, what="every one of them is looked at")
    assert most == 1
