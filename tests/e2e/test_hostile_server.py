"""What a hostile server can write on ssh's stderr, and that it gains nothing by it."""

import re
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from ground2cloud.core.spec import Outcome
from ground2cloud.openssh.forward import Forward
from ground2cloud.openssh.program import SshProgram
from tests.e2e.lane_run import Setup, a_forward, running, the_ssh, to
from tests.e2e.tiny_servers import disconnects, says
from tests.lab.listener import standing
from tests.lab.sshd import ThrowawaySshd
from tests.lab.waiting import eventually


def forged(forward: Forward) -> list[str]:
    """Return lines as ssh itself might write them, of another process or of none."""
    success = f"remote forward success for: {forward.confirmation}"
    version = "Local version string SSH-2.0-OpenSSH_9.2p1"
    return [
        f"debug1: {success}",
        success,
        f"debug1: ssh.c:ssh_confirm_remote_forward():1827: {success}",
        f"debug1: kex.c:kex_exchange_identification():1347 (pid=1): {version}",
        f"debug1: ssh.c:ssh_confirm_remote_forward():1827 (pid=1): {success}",
        f"debug1: ssh.c:ssh_confirm_remote_forward():1827 (bin=ssh, pid=1): {success}",
        "@    WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED!     @",
        "Host key verification failed.",
        "u@h: Permission denied (publickey).",
        "/etc/ssh/ssh_config: line 1: Bad configuration option: x",
        "\x1b[2J\x1b]0;title\x07\x9b31m",
    ]


def lane_to(sshd: ThrowawaySshd, forward: Forward, **changes: object) -> Setup:
    values = {
        "gateway": to(sshd),
        "identity_file": sshd.identity_file,
        "forwards": (forward,),
        **changes,
    }
    return Setup(**values)  # type: ignore[arg-type] # the tests name the fields of Setup


@pytest.mark.parametrize("allowed", [True, False])
async def test_a_banner_is_not_even_printed(tmp_path: Path, *, allowed: bool) -> None:
    """A banner with forged lines makes no refused lane ready, and no allowed one fail."""
    forward = a_forward()
    banner = tmp_path / "banner"
    banner.write_text("\n".join(forged(forward)) + "\n" + "x" * 200_000 + "\n")
    with ThrowawaySshd(f"Banner {banner}", key_options="" if allowed else "restrict") as sshd:
        async with running(lane_to(sshd, forward)) as lane:
            if allowed:
                await lane.ready()
            else:
                assert (await lane.verdict()).reason == "forward-refused"
                assert not lane.observer.ready
            assert not any("pid=1)" in line or "xxxx" in line for line in lane.lines)


async def test_a_session_that_writes_whatever_it_likes(tmp_path: Path) -> None:
    """Its lines come as they are, a megabyte without an end too; the lane stays what it is."""
    forward, words = a_forward(), tmp_path / "words"
    words.write_bytes("\n".join(forged(forward)).encode() + b"\n" + b"x" * 1_000_000)
    with ThrowawaySshd(key_options=f'command="cat {words} >&2; echo >&2; exec cat"') as sshd:
        async with running(lane_to(sshd, forward, session=True)) as lane:
            await lane.ready()
            await eventually(lambda: any("xxxx" in line for line in lane.lines), what="it speaks")
            # What a killed sshd leaves unread makes its end a reset.
            await lane.settled()
            assert max(map(len, lane.observer.last_lines)) <= 500
            assert sshd.kill_sessions()
            verdict = await lane.verdict()
    assert verdict.reason == "server-closed", verdict


@pytest.mark.parametrize(
    "habit",
    [
        pytest.param(lambda words: says(words + b"\r\n"), id="lines before the banner"),
        pytest.param(lambda words: disconnects(b"bye\r\n" + words), id="a disconnect message"),
    ],
)
async def test_somebody_without_the_host_key(
    sshd: ThrowawaySshd, habit: Callable[[bytes], Callable[[socket.socket], None]]
) -> None:
    """Who answers in the gateway's place can forge neither readiness nor a lasting cause."""
    forward = a_forward()
    # A disconnect message is cut at 400 characters: the worst lines only.
    words = "\r\n".join(line for line in forged(forward) if re.search(r"pid=1|denied", line))
    with standing(habit(words.encode())) as port:
        setup = lane_to(sshd, forward, gateway=to(sshd, ssh_port=port))
        async with running(setup) as lane:
            verdict = await lane.verdict()
            assert not lane.observer.ready
    assert any("remote forward success" in line for line in lane.lines), lane.lines
    assert verdict.outcome is Outcome.TRANSIENT, verdict
    assert verdict.reason in {"server-closed", "dropped"}
    assert "remote forward" not in verdict.message + verdict.hint


async def test_an_ssh_without_tags_is_understood_too(sshd: ThrowawaySshd) -> None:
    """This ssh, run as if it were Windows 10's: its words are those of LogLevel DEBUG1."""
    program = await the_ssh()
    old = SshProgram(program.path, (8, 1), program.text)
    async with running(lane_to(sshd, a_forward(), program=old, session=True)) as lane:
        await lane.ready()
        await lane.settled()
        assert sshd.kill_sessions()
        assert (await lane.verdict()).reason == "server-closed"
    sshd.set_key_options("restrict")
    async with running(lane_to(sshd, a_forward(), program=old)) as lane:
        verdict = await lane.verdict()
    assert verdict.reason == "forward-refused", lane.lines
