"""Claims against a real sshd: the stale holder of a slot goes, and nobody else."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator

import pytest

from ground2cloud.core.clock import monotonic
from ground2cloud.openssh.sshd.authorized import fingerprint
from ground2cloud.openssh.sshd.claims import LIMIT, Claimed, Claims
from ground2cloud.openssh.sshd.process import Process
from ground2cloud.openssh.sshd.sessions import Session, Sessions, held
from ground2cloud.rendering.atomic import write_atomic
from tests.e2e.gateway_sshd import LOCAL, SLOTS, GatewaySshd, gateway_sshd
from tests.lab.httpapp import HttpApp
from tests.lab.ports import free_port, free_ports
from tests.lab.processes import descendants, end_child
from tests.lab.waiting import eventually, http_get


@pytest.fixture
async def gateway() -> AsyncIterator[GatewaySshd]:
    async with gateway_sshd() as running:
        yield running


async def test_a_frozen_client_is_replaced(gateway: GatewaySshd, http_app: HttpApp) -> None:
    """The port of a client that was stopped works again as soon as it is claimed and dialled."""
    (port,) = free_ports(1)
    gateway.register(1001, [port])
    stale = await gateway.lane(1001, LOCAL, {port: http_app.port})
    os.kill(stale.process.pid, signal.SIGSTOP)
    refused = gateway.dial(1001, "-R", f"{LOCAL}:{port}:{LOCAL}:{http_app.port}")
    assert await refused.ended() == 255  # without a claim the port is taken
    claim = await gateway.claims.claim(1001, LOCAL, [port])
    assert claim.outcome is Claimed.ENDED
    assert [session.registration for session in claim.sessions] == [1001]
    await gateway.lane(1001, LOCAL, {port: http_app.port})
    assert http_get(port) == "hello from app\n"


async def test_only_the_holder_of_the_claimed_slot_is_ended(
    gateway: GatewaySshd, http_app: HttpApp
) -> None:
    """Sessions of the same registration on other slots go on, and those of others too."""
    (mine, theirs) = free_ports(2)
    gateway.register(1001, [mine])
    gateway.register(1002, [theirs])
    lanes = {slot: await gateway.lane(1001, slot, {mine: http_app.port}) for slot in SLOTS[:3]}
    other = await gateway.lane(1002, SLOTS[1], {theirs: http_app.port})
    claim = await gateway.claims.claim(1001, SLOTS[1], [mine])
    assert claim.outcome is Claimed.ENDED
    assert len(claim.sessions) == 1
    assert await lanes[SLOTS[1]].ended() == 255
    for slot, client in lanes.items():
        if slot != SLOTS[1]:
            assert client.process.poll() is None
            assert http_get(mine, host=slot) == "hello from app\n"
    assert other.process.poll() is None
    assert http_get(theirs, host=SLOTS[1]) == "hello from app\n"


async def test_another_registrations_session_is_never_ended(
    gateway: GatewaySshd, http_app: HttpApp
) -> None:
    """Whoever claims a port that another registration holds gets told, and nothing more."""
    (port,) = free_ports(1)
    gateway.register(1001, [port])
    gateway.register(1002, free_ports(1))
    await gateway.lane(1001, LOCAL, {port: http_app.port})
    claim = await gateway.claims.claim(1002, LOCAL, [port])
    assert claim.outcome is Claimed.FOREIGN
    assert claim.holder.startswith("sshd")
    assert http_get(port) == "hello from app\n"


async def test_a_port_of_some_other_process_is_never_touched(gateway: GatewaySshd) -> None:
    """Also when that process is a child of ours, like sshd, and of the same account."""
    (port,) = free_ports(1)
    gateway.register(1001, [port])
    program = (
        f"import socket; s = socket.create_server(('{LOCAL}', {port}));"
        " print('listening', flush=True); input()"
    )
    bystander = subprocess.Popen(
        [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert bystander.stdin is not None
    assert bystander.stdout is not None
    with bystander, bystander.stdin:
        try:
            assert bystander.stdout.readline() == b"listening\n"
            claim = await gateway.claims.claim(1001, LOCAL, [port])
            assert claim.outcome is Claimed.FOREIGN
            assert f"(pid {bystander.pid})" in claim.holder
            assert bystander.poll() is None
            with socket.create_connection((LOCAL, port), timeout=5):
                pass
        finally:
            end_child(bystander)


async def test_a_foreign_port_does_not_protect_what_is_stale_on_the_others(
    gateway: GatewaySshd,
) -> None:
    (mine, taken) = free_ports(2)
    gateway.register(1001, [mine, taken])
    stale = await gateway.lane(1001, LOCAL, {mine: 9})
    stale.process.send_signal(signal.SIGSTOP)
    with socket.create_server((LOCAL, taken)):
        claim = await gateway.claims.claim(1001, LOCAL, [mine, taken])
        assert claim.outcome is Claimed.FOREIGN
        assert f"(pid {os.getpid()})" in claim.holder
        assert not gateway.sessions.of(1001)
        await gateway.lane(1001, LOCAL, {mine: 9})


async def test_a_bystander_on_all_addresses_is_named(gateway: GatewaySshd) -> None:
    """A port that is held on 0.0.0.0 is taken on every slot."""
    with socket.create_server(("0.0.0.0", free_port())) as server:
        port = server.getsockname()[1]
        gateway.register(1001, [port])
        claim = await gateway.claims.claim(1001, SLOTS[2], [port])
    assert claim.outcome is Claimed.FOREIGN
    assert f"(pid {os.getpid()})" in claim.holder


async def test_an_sshd_of_somebody_else_is_never_touched(
    gateway: GatewaySshd, http_app: HttpApp
) -> None:
    """A session of another gateway's sshd, with the same key and the same port."""
    (port,) = free_ports(1)
    gateway.register(1001, [port])
    async with gateway_sshd() as other:
        other.grant("1001", gateway.grants["1001"])
        (other.directory / "1001").write_bytes((gateway.directory / "1001").read_bytes())
        (other.directory / "1001").chmod(0o600)
        await other.lane(1001, LOCAL, {port: http_app.port})
        claim = await gateway.claims.claim(1001, LOCAL, [port])
        assert claim.outcome is Claimed.FOREIGN
        assert http_get(port) == "hello from app\n"


async def test_a_free_slot(gateway: GatewaySshd) -> None:
    (port,) = free_ports(1)
    gateway.register(1001, [port])
    assert (await gateway.claims.claim(1001, LOCAL, [port])).outcome is Claimed.FREE
    assert (await gateway.claims.claim(9999, LOCAL, [port])).outcome is Claimed.FREE


async def test_the_lane_that_the_claim_is_for_is_spared(
    gateway: GatewaySshd, http_app: HttpApp
) -> None:
    """The lane may be faster than the claim: who logged in since the agent began to dial stays."""
    (port,) = free_ports(1)
    gateway.register(1001, [port])
    before = monotonic()
    await gateway.lane(1001, LOCAL, {port: http_app.port})
    claim = await gateway.claims.claim(1001, LOCAL, [port], older_than=monotonic() - before)
    assert claim.outcome is Claimed.SPARED
    assert http_get(port) == "hello from app\n"


class HearsLate:
    """A record that hears of a login only after it was asked for the first time."""

    def __init__(self, sessions: Sessions) -> None:
        self._sessions = sessions
        self._asked = False

    def of(self, registration: int) -> tuple[Session, ...]:
        asked, self._asked = self._asked, True
        return self._sessions.of(registration) if asked else ()


async def test_a_lane_that_logs_in_during_the_look_is_no_stranger(
    gateway: GatewaySshd, http_app: HttpApp
) -> None:
    (port,) = free_ports(1)
    gateway.register(1001, [port])
    await gateway.lane(1001, LOCAL, {port: http_app.port})
    late = Claims(HearsLate(gateway.sessions))  # type: ignore[arg-type] # as much as is asked for
    assert (await late.claim(1001, LOCAL, [port], older_than=3600)).outcome is Claimed.SPARED
    assert http_get(port) == "hello from app\n"


async def test_a_session_that_was_stopped_itself_is_ended_hard(
    gateway: GatewaySshd, http_app: HttpApp
) -> None:
    (port,) = free_ports(1)
    gateway.register(1001, [port])
    await gateway.lane(1001, LOCAL, {port: http_app.port})
    (session,) = gateway.claims.sessions_of(1001)
    for process in session.processes():
        os.kill(process.pid, signal.SIGSTOP)
    claim = await gateway.claims.claim(1001, LOCAL, [port])
    assert claim.outcome is Claimed.ENDED
    await gateway.lane(1001, LOCAL, {port: http_app.port})


async def test_a_lane_without_a_session_is_found_too(
    gateway: GatewaySshd, http_app: HttpApp
) -> None:
    """With `ssh -N` there is no command whose environment could tell the registration."""
    (port,) = free_ports(1)
    gateway.register(1001, [port])
    argv = gateway.ssh(1001, "-N", "-R", f"{LOCAL}:{port}:{LOCAL}:{http_app.port}")
    stale = subprocess.Popen(argv, stdin=subprocess.DEVNULL)
    try:
        await eventually(lambda: gateway.holder(1001, LOCAL, [port]), what="the port is open")
        stale.send_signal(signal.SIGSTOP)
        assert (await gateway.claims.claim(1001, LOCAL, [port])).outcome is Claimed.ENDED
    finally:
        end_child(stale, signal.SIGKILL)


async def test_revoked_lanes_are_gone_within_a_second_and_for_good(
    gateway: GatewaySshd, http_app: HttpApp
) -> None:
    (mine, theirs) = free_ports(2)
    gateway.register(1001, [mine])
    gateway.register(1002, [theirs])
    lanes = [await gateway.lane(1001, slot, {mine: http_app.port}) for slot in SLOTS]
    os.kill(lanes[0].process.pid, signal.SIGSTOP)
    other = await gateway.lane(1002, LOCAL, {theirs: http_app.port})
    sessions = gateway.claims.sessions_of(1001)
    assert len(sessions) == len(SLOTS)
    gateway.withdraw("1001")
    gateway.claims.bar(1001)
    assert await gateway.claims.end_sessions(1001) == 0, f"there after {LIMIT} s"
    assert gateway.claims.sessions_of(1001) == ()
    assert not any(held(sessions).values())
    assert "Permission denied" in gateway.refuse(1001, "-N", "-R", f"{LOCAL}:{mine}:{LOCAL}:1")
    assert other.process.poll() is None
    assert http_get(theirs) == "hello from app\n"


async def test_a_login_of_a_barred_registration_is_ended_at_once(gateway: GatewaySshd) -> None:
    """One that was being let in while its key was withdrawn does not stay."""
    (port,) = free_ports(1)
    gateway.register(1001, [port])
    gateway.claims.bar(1001)
    client = gateway.dial(1001, "-R", f"{LOCAL}:{port}:{LOCAL}:1")
    assert await client.ended() == 255
    gateway.claims.unbar(1001)
    await gateway.lane(1001, LOCAL, {port: 1})


async def test_only_the_sessions_of_the_old_key_are_ended(
    gateway: GatewaySshd, http_app: HttpApp
) -> None:
    """After a rotation the lanes of the new key stay."""
    (port,) = free_ports(1)
    gateway.register(1001, [port])
    gateway.register(7777, [])  # makes another key, which becomes the second one of 1001
    second = gateway.grants.pop("7777")
    first = gateway.grants["1001"]
    gateway.grant("1001b", type(first)(1001, second.key, first.slots, first.ports))
    old = await gateway.lane(1001, SLOTS[0], {port: http_app.port})
    new = gateway.dial(7777, "-R", f"{SLOTS[1]}:{port}:{LOCAL}:{http_app.port}")
    await eventually(lambda: gateway.holder(1001, SLOTS[1], [port]), what="the new lane")
    await gateway.claims.end_sessions(1001, keep={fingerprint(second.key)})
    assert await old.ended() == 255
    assert new.process.poll() is None
    assert http_get(port, host=SLOTS[1]) == "hello from app\n"


async def test_sessions_outlive_the_listener_and_are_known_again(
    gateway: GatewaySshd, http_app: HttpApp
) -> None:
    """A gateway that was killed leaves sessions; the next one knows them by the file."""
    (port,) = free_ports(1)
    gateway.register(1001, [port])
    gateway.register(1002, free_ports(1))
    gone = gateway.dial(1002)
    await eventually(lambda: len(gateway.sessions.of(1002)) == 1, what="the other is logged in")
    client = await gateway.lane(1001, LOCAL, {port: http_app.port})
    (session,) = gateway.sessions.of(1001)
    os.kill(gateway.pid, signal.SIGKILL)
    await eventually(lambda: gateway.reasons() >= {"killed"}, what="the supervisor sees it")
    await gateway.ready()
    assert client.process.poll() is None
    gateway.new_record()
    assert len(gateway.sessions.load()) == 2
    gateway.sessions.own([gateway.grants["1001"]])
    gateway.claims.bar(1002)
    assert gateway.claims.registrations() == {1001, 1002}
    assert gateway.claims.overstaying() == {1002}
    assert await gateway.claims.end_sessions(1002) == 0
    assert await gone.ended() == 255
    (known,) = gateway.sessions.of(1001)
    assert known.connection == session.connection
    assert (await gateway.claims.claim(1001, LOCAL, [port])).outcome is Claimed.ENDED
    assert await client.ended() == 255


async def test_a_record_of_another_process_ends_nobody(
    gateway: GatewaySshd, http_app: HttpApp
) -> None:
    """The number of a dead session may be somebody else's by now: its birth tells."""
    (port,) = free_ports(1)
    gateway.register(1001, [port])
    await gateway.lane(1001, LOCAL, {port: http_app.port})
    (session,) = gateway.sessions.of(1001)
    bystander = subprocess.Popen(["sleep", "60"])
    try:
        false = Process(bystander.pid, session.connection.born)
        record = gateway.directory / "sessions"
        line = record.read_text().splitlines()[-1]
        forged = line.replace(f'"pid":{session.connection.pid}', f'"pid":{false.pid}')
        assert forged != line
        record.write_text(forged + "\nnot a line of ours\n" + line[:40])
        fresh = Sessions(record, write_atomic)
        fresh.load()
        assert await Claims(fresh).end_all() == 0
        assert bystander.poll() is None
    finally:
        end_child(bystander)


async def test_all_sessions_end_with_the_gateway(gateway: GatewaySshd, http_app: HttpApp) -> None:
    ports = free_ports(3)
    for number, port in enumerate(ports, 1001):
        gateway.register(number, [port])
        await gateway.lane(number, LOCAL, {port: http_app.port})
    assert len(gateway.sessions.all()) == 3
    assert await gateway.claims.end_all() == 0
    await eventually(lambda: not descendants(gateway.pid), what="no process below sshd")
    assert gateway.sessions.all() == ()
