"""The gateway's sshd itself: its files, its keys, its identity, how it starts and fails."""

import os
import signal
import socket
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from ground2cloud.core import oneshot
from ground2cloud.core.spec import Outcome, Verdict
from ground2cloud.openssh.sshd import authorized
from ground2cloud.openssh.sshd.account import shell_problem
from ground2cloud.openssh.sshd.authorized import KeyGrant, fingerprint
from ground2cloud.openssh.sshd.ca import (
    KeyToolError,
    ensure_identity,
    ensure_key,
    known_hosts_line,
)
from ground2cloud.openssh.sshd.child import NAME
from ground2cloud.openssh.sshd.events import Accepted, ChildOf, PortTaken
from ground2cloud.openssh.sshd.program import SshdProgram, find_grep, find_sshd, unsafe_part
from ground2cloud.openssh.sshd.settings import Listen
from tests.e2e.gateway_sshd import LOCAL, SLOTS, GatewaySshd, gateway_sshd
from tests.lab.httpapp import HttpApp
from tests.lab.ports import free_port, free_ports
from tests.lab.processes import run
from tests.lab.waiting import eventually, http_get


@pytest.fixture
async def gateway() -> AsyncIterator[GatewaySshd]:
    async with gateway_sshd() as running:
        yield running


# Its programs -------------------------------------------------------------------------------------


async def test_the_sshd_of_this_machine_is_found() -> None:
    """By name, although its directory is in the PATH of root only."""
    program = await find_sshd()
    assert isinstance(program, SshdProgram), program
    assert program.path.endswith("/sshd")
    assert program.version >= (8, 5)
    assert Path(program.keygen).is_file()


async def test_a_missing_sshd_and_what_is_none(tmp_path: Path) -> None:
    missing = await find_sshd(str(tmp_path / "none"))
    assert isinstance(missing, Verdict)
    assert (missing.reason, missing.outcome) == ("sshd-missing", Outcome.PERMANENT)
    other = await find_sshd("/bin/true")
    assert isinstance(other, Verdict)
    assert other.reason == "sshd-unusable"


def test_a_path_that_others_may_change_is_not_trusted(tmp_path: Path) -> None:
    assert find_grep() is not None
    safe = tmp_path / "safe"
    safe.mkdir(mode=0o755)
    (safe / "file").touch(0o644)
    safe.chmod(0o777)
    assert unsafe_part(safe / "file", (0, os.getuid())) == safe
    (safe / "file").chmod(0o666)
    assert unsafe_part(safe / "file", (0, os.getuid())) == safe / "file"
    assert unsafe_part(Path("/usr/bin/env"), (0,)) is None


def test_an_account_without_a_shell_can_hold_no_session() -> None:
    assert "has no shell" in shell_problem("nobody")
    assert "no account" in shell_problem("no-such-account")


# Its identity -------------------------------------------------------------------------------------


async def test_what_is_there_is_kept_and_what_is_missing_is_made(tmp_path: Path) -> None:
    first = await ensure_identity(tmp_path / "ssh", ("gw.example", "192.0.2.7", "2001:db8::7"))
    again = await ensure_identity(tmp_path / "ssh", ("gw.example", "192.0.2.7", "2001:db8::7"))
    assert first.changed
    assert not again.changed
    assert again.ca_public_key == first.ca_public_key
    shown = run("ssh-keygen", "-L", "-f", str(first.certificate))
    assert "host certificate" in shown
    assert "Valid: forever" in shown
    for name in ("ground2cloud-gateway", "gw.example", "192.0.2.7", "2001:db8::7"):
        assert f"                {name}\n" in shown
    for file in ("host_ca", "host_key"):
        assert (tmp_path / "ssh" / file).stat().st_mode & 0o777 == 0o600
    assert sorted(path.name for path in (tmp_path / "ssh").iterdir()) == [
        "host_ca",
        "host_ca.pub",
        "host_key",
        "host_key-cert.pub",
        "host_key.pub",
    ]


async def test_a_new_name_or_host_key_is_certified_by_the_same_ca(tmp_path: Path) -> None:
    first = await ensure_identity(tmp_path)
    named = await ensure_identity(tmp_path, ("gw.example",))
    assert named.changed
    first.host_key.unlink()
    replaced = await ensure_identity(tmp_path, ("gw.example",))
    assert replaced.changed
    assert replaced.ca_public_key == first.ca_public_key
    assert not (await ensure_identity(tmp_path, ("gw.example",))).changed


async def test_lost_public_halves_are_made_again(tmp_path: Path) -> None:
    key, new = await ensure_key(tmp_path / "key", "a comment")
    assert new
    (tmp_path / "key.pub").unlink()
    assert await ensure_key(tmp_path / "key", "a comment") == (key, False)
    assert (tmp_path / "key.pub").read_text() == f"{key} a comment\n"
    assert run("ssh-keygen", "-l", "-f", str(tmp_path / "key")).split()[1] == fingerprint(key)


async def test_a_damaged_key_is_not_overwritten(tmp_path: Path) -> None:
    (tmp_path / "host_ca").write_text("not a key\n")
    (tmp_path / "host_ca").chmod(0o600)
    with pytest.raises(KeyToolError, match="ssh-keygen failed"):
        await ensure_identity(tmp_path)
    assert (tmp_path / "host_ca").read_text() == "not a key\n"


async def test_names_that_are_none(tmp_path: Path) -> None:
    for name in ("two words", "a,b", "", "line\nbreak"):
        with pytest.raises(ValueError, match="neither a host name nor an address"):
            await ensure_identity(tmp_path, (name,))


def test_the_line_that_pins_the_ca() -> None:
    key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ5KSh3nPBOc1tsKpMvTpAO1ZcWRJAUo6kYZ0U6tG5bG"
    line = known_hosts_line(f"{key} a comment\n")
    assert line == f"@cert-authority ground2cloud-gateway {key}\n"
    with pytest.raises(ValueError, match="not of the form"):
        known_hosts_line("ssh-rsa AAAA")


async def test_a_new_host_key_is_accepted_after_a_reload(
    gateway: GatewaySshd, http_app: HttpApp
) -> None:
    """An agent that pins the CA goes on, and lanes that are up stay up."""
    mine, theirs = free_ports(2)
    gateway.register(1001, [mine])
    gateway.register(1002, [theirs])
    old = await gateway.lane(1001, LOCAL, {mine: http_app.port})
    gateway.identity.host_key.unlink()
    await ensure_identity(gateway.directory / "ssh", ("other.example",))
    assert await gateway.supervisor.reload(NAME) is None
    await eventually(
        lambda: sum("Server listening" in line for line in gateway.lines) == 2,
        what="sshd listens anew",
    )
    await gateway.lane(1002, LOCAL, {theirs: http_app.port})
    assert old.process.poll() is None
    assert http_get(mine) == http_get(theirs) == "hello from app\n"


# Its life -----------------------------------------------------------------------------------------


async def test_every_option_is_known_and_says_what_is_meant(gateway: GatewaySshd) -> None:
    """Asked of sshd itself (`sshd -T`)."""
    answer = await oneshot.run(
        (gateway.program.path, "-T", "-f", str(gateway.places.config_file)), timeout=10.0
    )
    assert answer.ok, answer.err
    told = set(answer.out.splitlines())
    assert {
        "allowtcpforwarding remote",
        "gatewayports clientspecified",
        "permitopen none",
        "allowstreamlocalforwarding no",
        "allowagentforwarding no",
        "x11forwarding no",
        "permittunnel no",
        "permittty no",
        "permituserrc no",
        "permituserenvironment no",
        "forcecommand exec cat",
        "passwordauthentication no",
        "kbdinteractiveauthentication no",
        "pubkeyacceptedalgorithms ssh-ed25519",
        "authenticationmethods publickey",
        "usepam no",
        "maxsessions 1",
        "maxstartups 400:30:400",
        "persourcemaxstartups 100",
        "persourcenetblocksize 32:64",
        f"allowusers {gateway.user}",
        f"authorizedkeysfile {str(gateway.places.authorized_keys).replace('%', '%%')}",
    } <= told
    assert not any(line.startswith("subsystem") for line in told)


async def test_a_session_is_known_with_its_registration(gateway: GatewaySshd) -> None:
    gateway.register(1001, free_ports(1))
    gateway.dial(1001)
    (session,) = await eventually(lambda: gateway.sessions.of(1001), what="the session is known")
    assert session.registration == 1001
    assert session.fingerprint == fingerprint(gateway.grants["1001"].key)
    assert session.source == LOCAL
    (accepted,) = [event for event in gateway.events if isinstance(event, Accepted)]
    assert accepted.pid == session.connection.pid
    if os.geteuid():  # sshd of root serves root without a process of its own
        await eventually(
            lambda: any(isinstance(event, ChildOf) for event in gateway.events),
            what="its child is known",
        )
        assert gateway.sessions.of(1001)[0].child is not None


async def test_a_taken_port_is_told(gateway: GatewaySshd, http_app: HttpApp) -> None:
    (port,) = free_ports(1)
    gateway.register(1001, [port])
    await gateway.lane(1001, SLOTS[1], {port: http_app.port})
    assert "failed" in gateway.refuse(1001, "-N", "-R", f"{SLOTS[1]}:{port}:{LOCAL}:9")
    await eventually(
        lambda: PortTaken(SLOTS[1], port) in gateway.events, what="the gateway hears of it"
    )


async def test_a_bad_reload_changes_nothing(gateway: GatewaySshd, http_app: HttpApp) -> None:
    """What `sshd -t` refuses is not put in place; the old sshd goes on with the old file."""
    (port,) = free_ports(1)
    gateway.register(1001, [port])
    before = gateway.places.config_file.read_text()
    pid = gateway.pid
    gateway.identity.host_key.chmod(0o644)
    verdict = await gateway.reload(login_grace=7)
    assert isinstance(verdict, Verdict)
    assert verdict.reason == "host-key-unusable", verdict
    assert gateway.places.config_file.read_text() == before
    gateway.identity.host_key.chmod(0o600)
    await gateway.lane(1001, LOCAL, {port: http_app.port})
    assert await gateway.reload(login_grace=7) is None
    assert "LoginGraceTime 7\n" in gateway.places.config_file.read_text()
    await gateway.ready()
    assert gateway.pid == pid
    assert http_get(port) == "hello from app\n"


async def test_many_keys_are_found_by_a_search(
    gateway: GatewaySshd, http_app: HttpApp, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The way to look keys up changes with a reload; who may log in does not."""
    monkeypatch.setattr(authorized, "LARGE", 2)
    monkeypatch.setattr(authorized, "LARGE_NO_MORE", 1)
    ports = free_ports(3)
    for number, port in enumerate(ports, 1001):
        gateway.register(number, [port])
    grants = list(gateway.grants.values())
    assert not gateway.child.write_keys(grants)  # the last registration had told so already
    assert await gateway.supervisor.reload(NAME) is None
    assert "AuthorizedKeysFile none\n" in gateway.places.config_file.read_text()
    await eventually(
        lambda: sum("Server listening" in line for line in gateway.lines) == 2,
        what="sshd listens anew",
    )
    await gateway.lane(1003, LOCAL, {ports[2]: http_app.port})
    assert "failed" in gateway.refuse(1003, "-N", "-R", f"{LOCAL}:{ports[0]}:{LOCAL}:9")
    gateway.withdraw("1002")
    assert "Permission denied" in gateway.refuse(1002, "-N")
    gateway.withdraw("1001")
    assert await gateway.supervisor.reload(NAME) is None
    assert "AuthorizedKeysCommand none\n" in gateway.places.config_file.read_text()


async def test_twice_the_same_key_is_refused(gateway: GatewaySshd) -> None:
    """Sshd would take the first line for both."""
    gateway.register(1001, free_ports(1))
    known = gateway.grants["1001"]
    before = gateway.places.authorized_keys.read_text()
    with pytest.raises(ValueError, match="the key of 1001 is also that of 1002"):
        gateway.child.write_keys([known, KeyGrant(1002, known.key, SLOTS, (1,))])
    assert gateway.places.authorized_keys.read_text() == before


async def test_a_port_that_is_taken_and_then_free(gateway: GatewaySshd) -> None:
    """A taken port is told by name, and tried again until it is free."""
    with socket.create_server((LOCAL, free_port())) as server:
        port = server.getsockname()[1]
        gateway.child.settings = gateway.settings = type(gateway.settings)(
            (Listen(LOCAL, port),), gateway.user, strict_modes=False
        )
        gateway.supervisor.restart(NAME)
        await eventually(lambda: gateway.reasons() >= {"port-taken"}, what="the verdict")
    await gateway.ready()


async def test_an_address_that_the_machine_has_not(gateway: GatewaySshd) -> None:
    gateway.child.settings = type(gateway.settings)(
        (Listen("192.0.2.1", free_port()),), gateway.user, strict_modes=False
    )
    gateway.supervisor.restart(NAME)
    await eventually(lambda: gateway.reasons() >= {"address-missing"}, what="the verdict")


async def test_an_sshd_that_is_killed_comes_back_and_lanes_live_on(
    gateway: GatewaySshd, http_app: HttpApp
) -> None:
    (port,) = free_ports(1)
    gateway.register(1001, [port])
    client = await gateway.lane(1001, LOCAL, {port: http_app.port})
    before = gateway.pid
    os.kill(before, signal.SIGKILL)
    await eventually(lambda: gateway.reasons() >= {"killed"}, what="the verdict")
    await gateway.ready()
    assert gateway.pid != before
    assert client.process.poll() is None
    assert http_get(port) == "hello from app\n"
