"""How many sessions one key may hold, against a real sshd: what a good agent needs, and no more."""

import logging
import os
import signal
from collections.abc import AsyncIterator

import pytest

from ground2cloud.openssh.sshd.claims import Claimed
from ground2cloud.openssh.sshd.events import Accepted
from ground2cloud.openssh.sshd.holding import listening
from ground2cloud.openssh.sshd.pacing import Pace, Pacing
from ground2cloud.openssh.sshd.sessions import FOR_COMMANDS, FOR_SLOT
from ground2cloud.openssh.sshd.strays import Strays
from ground2cloud.rendering.atomic import write_atomic
from ground2cloud.roles.gateway.lanes import Lanes
from tests.e2e.gateway_sshd import LOCAL, SLOTS, Client, GatewaySshd, gateway_sshd
from tests.lab.httpapp import HttpApp
from tests.lab.ports import free_ports
from tests.lab.waiting import eventually, http_get

MOST = FOR_SLOT * len(SLOTS) + FOR_COMMANDS


@pytest.fixture
async def gateway() -> AsyncIterator[GatewaySshd]:
    async with gateway_sshd() as running:
        yield running


def living(clients: list[Client]) -> list[Client]:
    return [client for client in clients if client.process.poll() is None]


async def dialled(gateway: GatewaySshd) -> Client:
    """Start an ssh that does nothing once it has logged in, and wait for its login."""
    before = logins(gateway)
    client = gateway.dial(1001)
    await eventually(lambda: logins(gateway) > before, what="a login")
    return client


def logins(gateway: GatewaySshd) -> int:
    return sum(isinstance(event, Accepted) for event in gateway.events)


async def test_of_too_many_sessions_the_oldest_that_hold_nothing_end(
    gateway: GatewaySshd, http_app: HttpApp
) -> None:
    """The lane that was there before all of them stays, and its slot is claimed as ever."""
    (mine, theirs) = free_ports(2)
    gateway.register(1001, [mine])
    gateway.register(1002, [theirs])
    lane = await gateway.lane(1001, LOCAL, {mine: http_app.port})
    other = await gateway.lane(1002, LOCAL, {theirs: http_app.port})
    idle = [await dialled(gateway) for _ in range(MOST + 2)]
    await eventually(lambda: len(gateway.sessions.of(1001)) == MOST, what="the others end")
    for client in idle[:3]:
        assert await client.ended() == 255
    assert living(idle) == idle[3:]
    assert lane.process.poll() is None
    assert other.process.poll() is None
    assert http_get(mine) == "hello from app\n"
    claim = await gateway.claims.claim(1001, LOCAL, [mine])
    assert claim.outcome is Claimed.ENDED
    assert len(claim.sessions) == 1


async def test_where_all_hold_ports_the_newest_end(gateway: GatewaySshd) -> None:
    ports = free_ports(MOST + 1)
    gateway.register(1001, ports)
    lanes = [await gateway.lane(1001, LOCAL, {port: 9}) for port in ports[:-1]]
    one_more = gateway.dial(1001, "-R", f"{LOCAL}:{ports[-1]}:{LOCAL}:9")
    assert await one_more.ended() == 255
    assert living(lanes) == lanes


async def test_an_agent_with_a_stale_lane_for_each_of_its_own_loses_none(
    gateway: GatewaySshd, http_app: HttpApp
) -> None:
    """Its network failed: the old lanes are frozen, claimed and replaced; a command dials too."""
    (port,) = free_ports(1)
    gateway.register(1001, [port])
    # Stale ones without ports too: as if no claim had been answered and ssh had not got away.
    stale = [await dialled(gateway) for _ in SLOTS]
    for client in stale:
        os.kill(client.process.pid, signal.SIGSTOP)
    lanes = [await gateway.lane(1001, slot, {port: http_app.port}) for slot in SLOTS]
    commands = [await dialled(gateway) for _ in range(FOR_COMMANDS)]
    assert len(gateway.sessions.of(1001)) == MOST
    for slot in SLOTS:
        assert http_get(port, host=slot) == "hello from app\n"
    assert living(commands + lanes) == commands + lanes
    assert not gateway.claims._thinning
    # And all of them once more: what is stale goes first.
    fresh = [await dialled(gateway) for _ in SLOTS]
    await eventually(lambda: len(gateway.sessions.of(1001)) == MOST, what="the stale ones end")
    assert living(fresh + commands + lanes) == fresh + commands + lanes


async def test_what_is_ended_is_told_once(
    gateway: GatewaySshd, caplog: pytest.LogCaptureFixture
) -> None:
    strays = Strays(gateway.directory / "listeners", write_atomic, gateway.sessions)
    lanes = Lanes(
        gateway.sessions,
        strays,
        Pacing(Pace(at_once=9, in_crowd=9)),
        on_change=lambda _places: None,
        on_login=lambda _session: None,
    )
    gateway.take = lanes.hear
    gateway.register(1001, free_ports(1))
    for _ in range(MOST):
        await dialled(gateway)
    for _ in range(2):
        await dialled(gateway)
        await eventually(lambda: len(lanes.of(1001)) == MOST, what="one of them ends")
    told = [each for each in caplog.records if each.levelno == logging.WARNING]
    assert ["registration 1001 has more sessions" in each.getMessage() for each in told] == [True]


async def test_one_look_at_the_kernels_table_tells_of_all(
    gateway: GatewaySshd, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is long where there are many lanes: not once for each session."""
    (port,) = free_ports(1)
    gateway.register(1001, [port])
    for slot in SLOTS:
        await gateway.lane(1001, slot, {port: 9})
    asked = []

    def counted(processes: object) -> object:
        asked.append(processes)
        return listening(processes)  # type: ignore[arg-type] # as it came

    monkeypatch.setattr("ground2cloud.openssh.sshd.sessions.listening", counted)
    claim = await gateway.claims.claim(1001, SLOTS[3], [port])
    assert claim.outcome is Claimed.ENDED
    assert len(claim.sessions) == 1
    assert len(asked) == 1
