"""The observer, with lines as ssh writes them and as nobody should be able to write them."""

import logging
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ground2cloud.core.spec import Outcome
from ground2cloud.openssh.forward import Forward
from ground2cloud.openssh.judging import LaneContext
from ground2cloud.openssh.observer import LAST_LINES, LaneObserver, level

ONE = Forward("one", "127.0.0.1", 11081, "localhost", 8080)
TWO = Forward("two", "::1", 11082, "db", 5432)
CONTEXT = LaneContext("gw", 22, "carol", Path("/k"), Path("/kh"))

VERSION = "debug1: kex.c:kex_exchange_identification():1347{tag}: Local version string SSH-2.0-x"
CONFIRM = "debug1: ssh.c:ssh_confirm_remote_forward():1827{tag}: remote forward success for: {}"
TAGS = {"8.6": "", "9.2": " (pid=77)", "10.0": " (bin=ssh, pid=77)"}


def observer(
    *forwards: Forward, tagged: bool = True, context: LaneContext = CONTEXT
) -> LaneObserver:
    return LaneObserver(forwards or (ONE,), context, tagged=tagged)


def version(tag: str = TAGS["9.2"]) -> str:
    return VERSION.format(tag=tag)


def confirm(forward: Forward, tag: str = TAGS["9.2"]) -> str:
    return CONFIRM.format(forward.confirmation, tag=tag)


def hear(seen: LaneObserver, lines: Sequence[str]) -> bool:
    return [seen.line(line) for line in lines][-1]


@pytest.mark.parametrize("tag", TAGS.values(), ids=TAGS)
def test_ready_when_every_forward_is_confirmed(tag: str) -> None:
    seen = observer(ONE, TWO)
    assert not hear(seen, [version(tag), confirm(ONE, tag), confirm(ONE, tag)])
    assert seen.line(confirm(TWO, tag))
    assert seen.line("anything"), "and it stays so"


def test_ready_by_the_words_of_an_old_ssh() -> None:
    seen = observer(tagged=False)
    assert seen.line(f"debug1: remote forward success for: {ONE.confirmation}")


@pytest.mark.parametrize(
    "line",
    [
        f"remote forward success for: {ONE.confirmation}",
        f"debug1: remote forward success for: {ONE.confirmation}",
        f"debug1: Remote: {confirm(ONE)}",
        f"debug1: kex.c:kex_exchange_identification():1 (pid=77): banner line 0: {confirm(ONE)}",
        confirm(ONE, " (pid=78)"),
        confirm(ONE, ""),
        confirm(ONE).replace("ssh_confirm_remote_forward", "ssh_packet_read_poll_seqnr"),
        confirm(ONE).replace("debug1: ", ""),
        confirm(ONE).replace("success", "failure"),
        confirm(ONE) + " ",
        " " + confirm(ONE),
        confirm(TWO),
        version(" (pid=78)") + "\n" + confirm(ONE, " (pid=78)"),
    ],
)
def test_what_does_not_make_ready(line: str) -> None:
    seen = observer()
    assert not hear(seen, [version(), *line.split("\n")])
    assert not seen.ready


def test_nothing_makes_ready_before_ssh_has_said_who_it_is() -> None:
    assert not observer().line(confirm(ONE))


def test_nothing_is_believed_after_a_disconnect_message() -> None:
    """It may hold line breaks, so what follows may be the server's words."""
    seen = observer()
    disconnect = "Received disconnect from 1.2.3.4 port 22:2: bye"
    denied = "u@h: Permission denied (publickey)."
    assert not hear(seen, [version(), disconnect, confirm(ONE), denied])
    verdict = seen.verdict(255)
    assert (verdict.reason, verdict.outcome) == ("server-closed", Outcome.TRANSIENT)


def test_with_a_jump_host_two_processes_speak() -> None:
    """Whichever speaks first; and no third one."""
    context = LaneContext("gw", 22, "carol", Path("/k"), Path("/kh"), jumps=("j",))
    seen = observer(context=context)
    lines = [version(" (pid=1)"), version(), version(" (pid=3)"), confirm(ONE, " (pid=3)")]
    assert not hear(seen, lines)
    assert seen.line(confirm(ONE))


def test_the_failed_port_is_known() -> None:
    seen = observer(ONE, TWO)
    hear(seen, [version(), confirm(ONE), confirm(TWO).replace("success", "failure")])
    assert seen.failed is not None
    assert seen.failed.port == 11082
    tag = "ssh.c:ssh_confirm_remote_forward():1867 (pid=77): "
    seen.line(f"{tag}Error: remote port forwarding failed for listen port 11082")
    verdict = seen.verdict(255)
    assert verdict.reason == "port-taken"
    assert "[::1]:11082" in verdict.message


def test_another_address_that_failed_is_forgotten_when_one_answers() -> None:
    """A host with two addresses, of which the first refuses."""
    refused = "ssh: connect to host gw port 22: Connection refused"
    seen = observer()
    hear(seen, [refused, version(), "Connection to gw closed by remote host."])
    assert seen.verdict(255).reason == "server-closed"
    seen = observer()
    hear(seen, [refused])
    assert seen.verdict(255).reason == "refused"


def test_what_was_said_on_the_way_explains_no_later_end() -> None:
    seen = observer()
    hear(seen, ["no such identity: /k: No such file or directory", version(), confirm(ONE)])
    assert seen.verdict(255).reason == "unknown"


def test_a_ready_lane_ends_for_few_reasons() -> None:
    seen = observer()
    hear(seen, [version(), confirm(ONE), "u@gw: Permission denied (publickey)."])
    assert seen.verdict(255).outcome is Outcome.TRANSIENT
    seen.line("Timeout, server gw not responding.")
    assert seen.verdict(255).reason == "link-dead"


def test_a_signal_is_the_reason_whatever_was_said() -> None:
    seen = observer()
    hear(seen, [version(), "u@gw: Permission denied (publickey)."])
    assert seen.verdict(-9).reason == "killed"


def test_an_unknown_end_shows_the_last_words() -> None:
    seen = observer()
    hear(seen, [version(), "something new", "debug1: chatter", "Bytes per second: sent 1.0"])
    verdict = seen.verdict(255)
    assert (verdict.reason, verdict.evidence) == ("unknown", "something new")


def test_an_accepted_key_behind_a_jump_host_tells_nothing() -> None:
    """It may have been the jump host that accepted it."""
    lines = [
        version(),
        "debug1: sshconnect2.c:input_userauth_pk_ok():1 (pid=77): Server accepts key: /k",
        "u@gw: Permission denied (publickey).",
    ]
    seen = observer()
    hear(seen, lines)
    assert seen.verdict(255).reason == "key-encrypted"
    context = LaneContext("gw", 22, "carol", Path("/k"), Path("/kh"), jumps=("j",))
    seen = observer(context=context)
    hear(seen, lines)
    assert seen.verdict(255).reason == "permission-denied"


def test_failures_of_the_application_are_told() -> None:
    told: list[tuple[str, int | None]] = []
    seen = LaneObserver(
        (ONE,),
        CONTEXT,
        tagged=True,
        on_application_failure=lambda host, port: told.append((host, port)),
    )
    seen.line("connect_to localhost port 8080: failed.")
    seen.line("connect_to db: unknown host (Name or service not known)")
    seen.line("debug1: Remote: connect_to localhost port 8080: failed.")
    assert told == [("localhost", 8080), ("db", None)]


def test_what_is_kept_is_bounded() -> None:
    seen = observer()
    hear(seen, ["x" * 100_000] * 100)
    assert len(seen.last_lines) == LAST_LINES
    assert len(seen.verdict(255).evidence) <= 500


@given(lines=st.lists(st.text(max_size=200), max_size=20), code=st.integers(-64, 255))
def test_no_words_are_too_strange(lines: list[str], code: int) -> None:
    seen = observer()
    for line in lines:
        assert not seen.line(line)
    verdict = seen.verdict(code)
    assert verdict.reason
    assert verdict.message
    level("\n".join(lines))


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (confirm(ONE), logging.DEBUG),
        ("debug1: Remote: /k:1: key options: x", logging.DEBUG),
        ("debug1: x.c:input_userauth_pk_ok():1 (pid=1): Server accepts key: /k", logging.DEBUG),
        ("a line of the session's shell", logging.INFO),
        ("connect_to localhost port 8080: failed.", logging.WARNING),
        ("u@gw: Permission denied (publickey).", logging.WARNING),
        ("Connection to gw closed by remote host.", logging.WARNING),
    ],
)
def test_the_level_of_a_line(line: str, expected: int) -> None:
    assert level(line) == expected
