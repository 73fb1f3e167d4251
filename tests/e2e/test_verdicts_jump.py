"""What fails on the way through a jump host, provoked with the real ssh and two real sshd."""

from collections.abc import Iterator

import pytest

from ground2cloud.config.model import Ssh
from ground2cloud.core.spec import Outcome
from tests.e2e.lane_run import Setup, a_good, check, running, to, verdict_on
from tests.lab.ports import free_port
from tests.lab.sshd import ThrowawaySshd

PERMANENT, TRANSIENT = Outcome.PERMANENT, Outcome.TRANSIENT


def through(jump: ThrowawaySshd, sshd: ThrowawaySshd, **changes: object) -> Setup:
    """Return a lane to one sshd through another, which lets the same key in."""
    hop = f"{jump.user}@{jump.host}:{jump.port}"
    values = {
        "gateway": to(sshd, host_key=None),
        "known_hosts": (sshd.known_hosts, jump.known_hosts),
        "ssh": Ssh(connect_timeout=2, jump=hop),
        **changes,
    }
    return a_good(sshd, **values)


@pytest.fixture
def jump(sshd: ThrowawaySshd) -> Iterator[ThrowawaySshd]:
    """A second sshd, which lets the first one's key in."""
    second = ThrowawaySshd()
    second.set_key_options("", sshd.identity_file)
    with second:
        yield second


async def test_a_lane_through_a_jump_host(sshd: ThrowawaySshd, jump: ThrowawaySshd) -> None:
    async with running(through(jump, sshd, session=True)) as lane:
        await lane.ready()
        assert jump.sessions()
        assert sshd.kill_sessions()
        verdict = await lane.verdict()
    # Which of the two pipes to the jump host's ssh breaks first is chance.
    check(verdict, {"server-closed", "link-dead"}, TRANSIENT, "the gateway")


async def test_a_lane_through_two_jump_hosts(sshd: ThrowawaySshd, jump: ThrowawaySshd) -> None:
    hops = ",".join([f"{jump.user}@{jump.host}:{jump.port}"] * 2)
    async with running(through(jump, sshd, ssh=Ssh(jump=hops))) as lane:
        await lane.ready()


async def test_a_jump_host_that_refuses(sshd: ThrowawaySshd, jump: ThrowawaySshd) -> None:
    port = free_port()
    setup = through(jump, sshd, ssh=Ssh(jump=f"{jump.user}@localhost:{port}"))
    check(await verdict_on(setup), "refused", TRANSIENT, "the jump host localhost", str(port))


async def test_a_jump_host_that_does_not_let_us_in(
    sshd: ThrowawaySshd, jump: ThrowawaySshd
) -> None:
    jump.revoke(sshd.identity_file)
    verdict = await verdict_on(through(jump, sshd))
    check(verdict, "permission-denied", PERMANENT, "the jump host 127.0.0.1")


async def test_a_jump_host_whose_key_is_unknown(sshd: ThrowawaySshd, jump: ThrowawaySshd) -> None:
    verdict = await verdict_on(through(jump, sshd, known_hosts=(sshd.known_hosts,)))
    check(verdict, "host-key-unknown", PERMANENT, "the jump host", str(sshd.known_hosts))


async def test_a_jump_host_that_does_not_reach_the_gateway(
    sshd: ThrowawaySshd, jump: ThrowawaySshd
) -> None:
    setup = through(jump, sshd, gateway=to(sshd, host_key=None, ssh_port=free_port()))
    check(await verdict_on(setup), "jump-failed", TRANSIENT, "jump host 127.0.0.1")


async def test_a_jump_host_that_forwards_nothing(sshd: ThrowawaySshd, jump: ThrowawaySshd) -> None:
    jump.set_options("AllowTcpForwarding no")
    check(await verdict_on(through(jump, sshd)), "jump-failed", TRANSIENT, "AllowTcpForwarding")


async def test_a_connection_lost_behind_a_jump_host(
    sshd: ThrowawaySshd, jump: ThrowawaySshd
) -> None:
    async with running(through(jump, sshd)) as lane:
        await lane.ready()
        assert jump.kill_sessions()
        check(await lane.verdict(), {"server-closed", "link-dead"}, TRANSIENT)
