"""The record of lanes on disk: what could not be written is written as soon as it can be."""

import resource
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from ground2cloud.openssh.sshd.events import Accepted
from ground2cloud.openssh.sshd.sessions import Session, Sessions
from ground2cloud.rendering.atomic import write_atomic
from tests.e2e.gateway_sshd import GatewaySshd, gateway_sshd
from tests.lab.ports import free_ports
from tests.lab.waiting import eventually


@pytest.fixture
async def gateway() -> AsyncIterator[GatewaySshd]:
    """A sshd with three registrations, each of which is logged in."""
    async with gateway_sshd() as running:
        for number, port in enumerate(free_ports(3), 1001):
            running.register(number, [port])
            running.dial(number)
            await eventually(lambda n=number: running.sessions.of(n), what="its login")
        yield running


def logins(gateway: GatewaySshd) -> list[Accepted]:
    return [event for event in gateway.events if isinstance(event, Accepted)]


def record(gateway: GatewaySshd, file: Path, *, full: bool = False) -> Sessions:
    """Return an empty record of its own, which writes there."""

    def write(path: Path, content: bytes) -> None:
        if full:
            raise OSError(28, "No space left on device")
        write_atomic(path, content)

    made = Sessions(file, write)
    made.own(gateway.grants.values())
    return made


def read(file: Path) -> set[Session]:
    return set(Sessions(file, write_atomic).load())


@contextmanager
def room_for(size: int) -> Iterator[None]:
    """Let files grow to so many bytes: a write that needs more is cut short."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


async def test_nothing_is_lost_by_a_line_that_found_no_room(gateway: GatewaySshd) -> None:
    file = gateway.directory / "record"
    kept = record(gateway, file)
    first, second, third = logins(gateway)
    kept.hear(first, 1.0)
    whole = file.stat().st_size
    with room_for(whole + 20):
        kept.hear(second, 2.0)
    assert file.stat().st_size == whole + 20
    assert str(file) in kept.trouble
    kept.hear(third, 3.0)
    assert not kept.trouble
    assert {each.registration for each in read(file)} == {1001, 1002, 1003}


async def test_what_could_not_be_written_is_written_when_it_can_be(gateway: GatewaySshd) -> None:
    file = gateway.directory / "record"
    file.mkdir()
    kept = record(gateway, file)
    for now, login in enumerate(logins(gateway)):
        kept.hear(login, float(now))
        assert kept.trouble
    kept.settle()
    assert kept.trouble
    file.rmdir()
    kept.settle()
    assert not kept.trouble
    assert read(file) == set(kept.all())
    assert len(kept.all()) == 3


async def test_a_damaged_record_is_made_whole_before_it_is_gone_on_with(
    gateway: GatewaySshd,
) -> None:
    """Also when there was no room for it at the start."""
    file = gateway.directory / "record"
    first, second, third = logins(gateway)
    record(gateway, file).hear(first, 1.0)
    file.write_bytes(file.read_bytes() + b'{"registration":1002')
    kept = record(gateway, file, full=True)
    assert len(kept.load()) == 1
    kept.hear(second, 2.0)
    assert kept.trouble
    again = record(gateway, file)
    assert len(again.load()) == 1
    again.hear(third, 3.0)
    assert {each.registration for each in read(file)} == {1001, 1003}
