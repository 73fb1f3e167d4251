"""Connections without a record are ended if they are of this gateway's sshd, and no others are."""

import os
import signal
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
import pytest

from ground2cloud.openssh.sshd.pacing import Pacing
from ground2cloud.openssh.sshd.sessions import Session, Sessions
from ground2cloud.openssh.sshd.strays import Strays
from ground2cloud.rendering.atomic import write_atomic
from ground2cloud.roles.gateway.lanes import Lanes
from tests.e2e.gateway_sshd import LOCAL, GatewaySshd, gateway_sshd
from tests.lab.ports import free_port, free_ports
from tests.lab.processes import end_child
from tests.lab.waiting import eventually

NOWHERE = 9


@pytest.fixture
async def gateway() -> AsyncIterator[GatewaySshd]:
    async with gateway_sshd() as running:
        yield running


def without(gateway: GatewaySshd, registration: int) -> Sessions:
    """Return its record, in which the sessions of one registration never were."""
    lines = (gateway.directory / "sessions").read_bytes().splitlines(keepends=True)
    kept = [x for x in lines if msgspec.json.decode(x, type=Session).registration != registration]
    file = gateway.directory / "others"
    file.write_bytes(b"".join(kept))
    record = Sessions(file, write_atomic)
    record.load()
    return record


def strays(gateway: GatewaySshd, record: Sessions) -> Strays:
    return Strays(gateway.directory / "listeners", write_atomic, record)


@contextmanager
def bystander(listener: int) -> Iterator["subprocess.Popen[bytes]"]:
    """A process of ours that writes where that sshd does, and is none."""
    with Path(f"/proc/{listener}/fd/2").open("wb") as pipe:
        process = subprocess.Popen(["sleep", "60"], stderr=pipe)
    try:
        yield process
    finally:
        end_child(process)


async def test_only_what_has_the_pipe_and_no_record_is_ended(gateway: GatewaySshd) -> None:
    known, lost, theirs = free_ports(3)
    gateway.register(1001, [known])
    gateway.register(1002, [lost])
    strays(gateway, gateway.sessions).began(gateway.pid)
    stays = await gateway.lane(1001, LOCAL, {known: NOWHERE})
    goes = await gateway.lane(1002, LOCAL, {lost: NOWHERE})
    async with gateway_sshd() as other:
        other.register(1003, [theirs])
        foreign = await other.lane(1003, LOCAL, {theirs: NOWHERE})
        with bystander(gateway.pid) as near:
            os.kill(gateway.pid, signal.SIGKILL)
            await eventually(lambda: gateway.reasons() >= {"killed"}, what="its end is seen")
            await gateway.ready()
            after = strays(gateway, without(gateway, 1002))
            assert after.due
            assert await after.end_former() == (1, 0)
            assert not after.due
            assert await goes.ended() == 255
            assert await after.end_former() == (0, 0)
            assert near.poll() is None
        assert foreign.process.poll() is None
    assert stays.process.poll() is None


async def test_the_present_sshd_is_left_alone_until_it_is_over(gateway: GatewaySshd) -> None:
    (port,) = free_ports(1)
    gateway.register(1001, [port])
    found = strays(gateway, Sessions(gateway.directory / "none", write_atomic))
    found.began(gateway.pid)
    lane = await gateway.lane(1001, LOCAL, {port: NOWHERE})
    assert await found.end_former() == (0, 0)
    assert lane.process.poll() is None
    os.kill(gateway.pid, signal.SIGKILL)
    await eventually(lambda: gateway.reasons() >= {"killed"}, what="its end is seen")
    assert await found.end_former(over=True) == (1, 0)
    assert await lane.ended() == 255


async def test_a_lane_without_a_record_ends_with_its_registration(gateway: GatewaySshd) -> None:
    mine, theirs = free_ports(2)
    gateway.register(1001, [mine])
    gateway.register(1002, [theirs])
    record = Sessions(gateway.directory / "none", write_atomic)
    found = strays(gateway, record)
    found.began(gateway.pid)
    lanes = Lanes(
        record, found, Pacing(), on_change=lambda _places: None, on_login=lambda _session: None
    )
    lanes.own(gateway.grants.values())
    lane = await gateway.lane(1001, LOCAL, {mine: NOWHERE})
    other = await gateway.lane(1002, LOCAL, {theirs: NOWHERE})
    assert lanes.of(1001) == lanes.of(1002) == ()
    assert await lanes.end(1001) == 0
    assert await lane.ended() == 255
    assert (LOCAL, theirs) in lanes.up
    assert other.process.poll() is None


async def test_pipes_of_another_start_of_the_machine_are_nobodys(gateway: GatewaySshd) -> None:
    gateway.register(1001, [free_port()])
    noted = gateway.directory / "listeners"
    strays(gateway, gateway.sessions).began(gateway.pid)
    lane = gateway.dial(1001)
    await eventually(lambda: gateway.sessions.of(1001), what="its login")
    content = msgspec.json.decode(noted.read_bytes())
    for damaged in (msgspec.json.encode(content | {"boot": "another"}), b"", b"[]", b'{"boot":1}'):
        noted.write_bytes(damaged)
        fresh = strays(gateway, Sessions(gateway.directory / "none", write_atomic))
        assert await fresh.end_former() == (0, 0)
    assert lane.process.poll() is None


def test_what_can_not_be_written_is_written_later(tmp_path: Path) -> None:
    full = True

    def write(path: Path, content: bytes) -> None:
        if full:
            raise OSError(28, "No space left on device")
        path.write_bytes(content)

    file = tmp_path / "listeners"
    with subprocess.Popen(["sleep", "60"], stderr=subprocess.PIPE) as process:
        found = Strays(file, write, Sessions(tmp_path / "sessions", write_atomic))
        found.began(process.pid)
        assert found.behind
        full = False
        found.settle()
        assert not found.behind
        pipe = Path(f"/proc/{process.pid}/fd/2").readlink()
        assert str(pipe) in file.read_text()
        process.kill()
