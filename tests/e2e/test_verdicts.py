"""Every row of the table of verdicts, provoked with the real ssh and a real sshd.

Where an sshd can't be made to fail in the wanted way, a tiny real server does it. One of them
stands in for an sshd that is not installed here: `Not allowed at this time` is what 9.8 and later
send, byte for byte, to an address that they penalise (sshd.c); Debian 12 has 9.2.
"""

import os
import signal
import socket
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from ground2cloud.config.model import Ssh
from ground2cloud.core import oneshot
from ground2cloud.core.spec import Outcome
from ground2cloud.openssh.judging import LaneContext, refused
from ground2cloud.openssh.render import check_argv
from tests.e2e.lane_run import (
    a_forward,
    a_good,
    at_port,
    check,
    running,
    the_ssh,
    to,
    verdict_on,
)
from tests.e2e.tiny_servers import closes, deaf, relay, resets, says, waits
from tests.lab.listener import standing
from tests.lab.ports import free_port
from tests.lab.sshd import ThrowawaySshd
from tests.lab.waiting import eventually

PERMANENT, TRANSIENT = Outcome.PERMANENT, Outcome.TRANSIENT


async def test_all_is_well(sshd: ThrowawaySshd) -> None:
    """A lane with two forwards becomes ready only when both are confirmed."""
    forwards = (a_forward(), a_forward())
    async with running(a_good(sshd, forwards=forwards)) as lane:
        await lane.ready()
        confirmed = [line for line in lane.lines if "remote forward success" in line]
        assert len(confirmed) == 2
        assert lane.observer.failed is None


# Before it speaks ---------------------------------------------------------------------------------


async def test_a_name_that_does_not_exist(sshd: ThrowawaySshd) -> None:
    # A label of more than 63 characters: the resolver knows without asking anyone.
    name = "a" * 64 + ".invalid"
    verdict = await verdict_on(a_good(sshd, gateway=to(sshd, host=name)))
    check(verdict, "name-resolution", TRANSIENT, name, "DNS")


async def test_a_port_on_which_nothing_listens(sshd: ThrowawaySshd) -> None:
    port = free_port()
    verdict = await verdict_on(at_port(sshd, port))
    check(verdict, "refused", TRANSIENT, str(port), "sshd runs there")


async def test_a_port_that_does_not_answer(sshd: ThrowawaySshd) -> None:
    with deaf() as port:
        verdict = await verdict_on(at_port(sshd, port))
    check(verdict, "timed-out", TRANSIENT, str(port), "firewall")


async def test_an_address_without_a_way_to_it(sshd: ThrowawaySshd) -> None:
    # Linux refuses TCP to a multicast address by itself, so nothing is sent.
    verdict = await verdict_on(a_good(sshd, gateway=to(sshd, host="224.0.0.1")))
    check(verdict, "unreachable", TRANSIENT, "network")


async def test_a_server_that_takes_the_connection_and_says_nothing(sshd: ThrowawaySshd) -> None:
    with standing(waits) as port:
        verdict = await verdict_on(at_port(sshd, port))
    check(verdict, "no-banner", TRANSIENT, str(port))


@pytest.mark.parametrize(
    "habit",
    [
        pytest.param(closes, id="closes"),
        pytest.param(resets, id="resets"),
        pytest.param(says(b"HTTP/1.1 400 Bad Request\r\n\r\n"), id="speaks HTTP"),
        pytest.param(says(b"x" * 100_000), id="too long a line"),
        pytest.param(says(b"SSH-2.0\0\r\n"), id="a NUL"),
    ],
)
async def test_a_server_that_is_no_sshd(
    sshd: ThrowawaySshd, habit: Callable[[socket.socket], None]
) -> None:
    with standing(habit) as port:
        verdict = await verdict_on(at_port(sshd, port))
    check(verdict, "dropped", TRANSIENT, str(port))


async def test_a_server_of_another_protocol_version(sshd: ThrowawaySshd) -> None:
    with standing(says(b"SSH-1.5-ancient\r\n")) as port:
        verdict = await verdict_on(at_port(sshd, port))
    check(verdict, "dropped", TRANSIENT, "not an sshd that this ssh understands")


async def test_a_server_with_too_many_logins_in_progress() -> None:
    with (
        ThrowawaySshd("MaxStartups 1:100:1") as sshd,
        socket.create_connection((sshd.host, sshd.port)) as silent,
    ):
        silent.recv(100)  # from here on the login counts as in progress
        verdict = await verdict_on(a_good(sshd))
    # From 9.8 sshd gives one reason for this and for a penalty.
    check(verdict, {"server-full", "penalised"}, TRANSIENT, "MaxStartups")


async def test_a_server_that_penalises_this_address(sshd: ThrowawaySshd) -> None:
    with standing(says(b"Not allowed at this time\r\n")) as port:
        verdict = await verdict_on(at_port(sshd, port))
    check(verdict, "penalised", TRANSIENT, "PerSourcePenalties")


async def test_no_cipher_in_common(sshd: ThrowawaySshd) -> None:
    verdict = await verdict_on(a_good(sshd, ssh=Ssh(ciphers="aes128-cbc")))
    check(verdict, "no-common-algorithm", PERMANENT, "cipher", "ssh.ciphers")
    assert "Their offer" in verdict.evidence


# Who the server is --------------------------------------------------------------------------------


async def test_another_host_key_than_the_pinned_one(sshd: ThrowawaySshd) -> None:
    old = to(sshd)
    sshd.change_host_key()
    sshd.restart()
    verdict = await verdict_on(a_good(sshd, gateway=old))
    check(verdict, "host-key-changed", PERMANENT, "gateway.host_key", "listening in")


async def test_another_host_key_than_in_known_hosts(sshd: ThrowawaySshd, tmp_path: Path) -> None:
    mine = tmp_path / "known hosts"
    mine.write_text(sshd.known_hosts.read_text())
    sshd.change_host_key()
    sshd.restart()
    setup = a_good(sshd, gateway=to(sshd, host_key=None), known_hosts=(mine,))
    check(await verdict_on(setup), "host-key-changed", PERMANENT, str(mine))


async def test_a_host_that_known_hosts_does_not_know(sshd: ThrowawaySshd, tmp_path: Path) -> None:
    mine = tmp_path / "not there"
    setup = a_good(sshd, gateway=to(sshd, host_key=None), known_hosts=(mine,))
    check(await verdict_on(setup), "host-key-unknown", PERMANENT, str(mine), "ssh_host_ed25519_key")


async def test_a_revoked_host_key(sshd: ThrowawaySshd, tmp_path: Path) -> None:
    mine = tmp_path / "known_hosts"
    mine.write_text("@revoked " + sshd.known_hosts.read_text())
    setup = a_good(sshd, gateway=to(sshd, host_key=None), known_hosts=(mine,))
    check(await verdict_on(setup), "host-key-changed", PERMANENT, str(mine))


# Who we are ---------------------------------------------------------------------------------------


async def test_a_key_that_is_not_let_in(sshd: ThrowawaySshd) -> None:
    stranger = sshd.new_stranger_key("stranger")
    verdict = await verdict_on(a_good(sshd, identity_file=stranger))
    check(verdict, "permission-denied", PERMANENT, f"{stranger}.pub", "authorized_keys", sshd.user)


async def test_a_user_that_does_not_exist(sshd: ThrowawaySshd) -> None:
    verdict = await verdict_on(a_good(sshd, gateway=to(sshd, user="nobody-here")))
    check(verdict, "permission-denied", PERMANENT, "nobody-here", "gateway.user")


async def test_a_server_that_counts_one_failure_too_many() -> None:
    with ThrowawaySshd("MaxAuthTries 1") as sshd:
        stranger = sshd.new_stranger_key("stranger")
        verdict = await verdict_on(a_good(sshd, identity_file=stranger))
    check(verdict, "permission-denied", PERMANENT, "authorized_keys")


async def test_a_server_that_wants_more_than_a_key() -> None:
    with ThrowawaySshd(
        "KbdInteractiveAuthentication yes", "AuthenticationMethods publickey,keyboard-interactive"
    ) as sshd:
        verdict = await verdict_on(a_good(sshd))
    check(verdict, "permission-denied", PERMANENT, "AuthenticationMethods")


async def test_a_key_file_that_is_missing(sshd: ThrowawaySshd) -> None:
    missing = sshd.directory / "nö key"
    verdict = await verdict_on(a_good(sshd, identity_file=missing))
    check(verdict, "key-missing", PERMANENT, str(missing), "ssh-keygen")


async def test_a_key_file_that_others_may_read(sshd: ThrowawaySshd) -> None:
    sshd.identity_file.chmod(0o644)
    verdict = await verdict_on(a_good(sshd))
    check(verdict, "key-unusable", PERMANENT, f"chmod 600 {sshd.identity_file}")


async def test_a_key_file_that_is_no_key(sshd: ThrowawaySshd) -> None:
    garbage = sshd.directory / "garbage"
    garbage.write_text("not a key\n")
    garbage.chmod(0o600)
    verdict = await verdict_on(a_good(sshd, identity_file=garbage))
    check(verdict, "key-unusable", PERMANENT, str(garbage), ".pub")


async def test_a_key_file_with_a_passphrase(sshd: ThrowawaySshd) -> None:
    """Nothing is said about it; but the server took the key and ssh could not sign."""
    subprocess.run(
        ["ssh-keygen", "-q", "-p", "-P", "", "-N", "secret", "-f", sshd.identity_file],
        check=True,
        capture_output=True,
    )
    check(await verdict_on(a_good(sshd)), "key-encrypted", PERMANENT, "passphrase")


# What it lets us do -------------------------------------------------------------------------------


async def test_a_port_that_is_taken_on_the_gateway(sshd: ThrowawaySshd) -> None:
    with socket.create_server(("127.0.0.1", 0)) as holder:
        port = holder.getsockname()[1]
        async with running(a_good(sshd, forwards=(a_forward(), a_forward(port)))) as lane:
            verdict = await lane.verdict()
    check(verdict, "port-taken", TRANSIENT, f"127.0.0.1:{port}", f"sport = :{port}")
    assert lane.observer.failed is not None
    assert lane.observer.failed.port == port
    assert not lane.observer.ready


@pytest.mark.parametrize("options", ["restrict", 'permitlisten="127.0.0.1:1"'])
async def test_a_forward_that_the_key_does_not_allow(sshd: ThrowawaySshd, options: str) -> None:
    sshd.set_key_options(options)
    forward = a_forward()
    async with running(a_good(sshd, forwards=(forward,))) as lane:
        verdict = await lane.verdict()
    wanted = f'port-forwarding,permitlisten="127.0.0.1:{forward.port}"'
    check(verdict, "forward-refused", PERMANENT, wanted)
    assert lane.observer.failed == forward


async def test_a_server_that_allows_no_forwards() -> None:
    with ThrowawaySshd("AllowTcpForwarding no") as sshd:
        verdict = await verdict_on(a_good(sshd))
    check(verdict, "forward-refused", PERMANENT, "AllowTcpForwarding yes")


@pytest.mark.parametrize("code", [0, 1, 127])
async def test_an_account_without_a_shell(sshd: ThrowawaySshd, code: int) -> None:
    sshd.set_key_options(f'command="echo not available >&2; exit {code}"')
    verdict = await verdict_on(a_good(sshd, session=True))
    check(verdict, "session-refused", TRANSIENT, f"code {code}", 'ssh.session = "none"')
    assert verdict.evidence == "not available"


async def test_a_server_that_allows_no_sessions() -> None:
    with ThrowawaySshd("MaxSessions 0") as sshd:
        verdict = await verdict_on(a_good(sshd, session=True))
        check(verdict, "session-refused", TRANSIENT, 'command="exec cat"')
        async with running(a_good(sshd)) as lane:
            await lane.ready()


# Once it is up ------------------------------------------------------------------------------------


async def test_a_server_that_ends_the_connection(sshd: ThrowawaySshd) -> None:
    async with running(a_good(sshd, session=True)) as lane:
        await lane.ready()
        await lane.settled()  # what a killed sshd leaves unread makes its end a reset
        assert sshd.kill_sessions()
        check(await lane.verdict(), "server-closed", TRANSIENT, sshd.host)


async def test_a_server_that_answers_no_more(sshd: ThrowawaySshd) -> None:
    async with running(a_good(sshd, session=True)) as lane:
        await lane.ready()
        sshd.freeze()
        check(await lane.verdict(), "link-dead", TRANSIENT, sshd.host)
    sshd.thaw()


async def test_a_connection_that_is_reset(sshd: ThrowawaySshd) -> None:
    """A firewall that lost its memory answers with a reset; here a relay does."""
    told: list[bool] = []

    def relays_and_resets(connection: socket.socket) -> None:
        with socket.create_connection((sshd.host, sshd.port)) as upstream:
            relay(connection, upstream, until=lambda: bool(told))
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")

    with standing(relays_and_resets) as port:
        async with running(at_port(sshd, port)) as lane:
            await lane.ready()
            told.append(True)
            check(await lane.verdict(), "link-dead", TRANSIENT, "broke off")


async def test_an_application_that_is_down(sshd: ThrowawaySshd) -> None:
    """The lane goes on; each connection that finds no application is told."""
    forward = a_forward()
    async with running(a_good(sshd, forwards=(forward,))) as lane:
        await lane.ready()
        with socket.create_connection(("127.0.0.1", forward.port)) as client:
            assert client.recv(1) == b""
        await eventually(lambda: lane.unserved == [forward.target_port], what="it is told")
        assert lane.process.returncode is None
        assert any(f"port {forward.target_port}: failed" in line for line in lane.lines)


async def test_an_ssh_that_is_killed(sshd: ThrowawaySshd) -> None:
    async with running(a_good(sshd)) as lane:
        await lane.ready()
        lane.process.kill()
        check(await lane.verdict(), "killed", TRANSIENT, "SIGKILL")


async def test_an_ssh_that_is_told_to_end(sshd: ThrowawaySshd) -> None:
    """Whoever asked knows it; if nobody did, it is an end like another."""
    async with running(a_good(sshd)) as lane:
        await lane.ready()
        os.kill(lane.process.pid, signal.SIGTERM)
        check(await lane.verdict(), "terminated", TRANSIENT)


async def test_an_ssh_with_a_session_that_is_told_to_end(sshd: ThrowawaySshd) -> None:
    async with running(a_good(sshd, session=True)) as lane:
        await lane.ready()
        os.kill(lane.process.pid, signal.SIGTERM)
        check(await lane.verdict(), "session-ended", TRANSIENT)


# Our own file -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("ssh", "reason", "words"),
    [
        (Ssh(options={"NoSuchOption": 1}), "option-unknown", "nosuchoption"),
        (Ssh(options={"AddressFamily": "sideways"}), "config-bad", "[ssh.options]"),
        (Ssh(ciphers="no-such-cipher"), "config-bad", "[ssh]"),
    ],
)
async def test_an_option_that_ssh_does_not_take(
    sshd: ThrowawaySshd, ssh: Ssh, reason: str, words: str
) -> None:
    """The check before the start and the start itself say the same."""
    setup = a_good(sshd, ssh=ssh)
    async with running(setup) as lane:
        checked = await oneshot.run(check_argv(await the_ssh(), lane.config_file), timeout=10)
        verdict = await lane.verdict()
    check(verdict, reason, PERMANENT, words)
    assert checked.code == 255
    context = LaneContext("h", 22, "u", setup.identity_file, setup.identity_file)
    judged = refused(checked.err, context)
    assert (judged.reason, judged.outcome, judged.message) == (reason, PERMANENT, verdict.message)
