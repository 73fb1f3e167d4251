"""The words of verdicts: complete, plain, and none of them a server's."""

from dataclasses import replace
from pathlib import Path

import pytest

from ground2cloud.core.spec import Outcome
from ground2cloud.openssh.forward import Forward
from ground2cloud.openssh.judging import LaneContext, judge, refused, without_words
from ground2cloud.openssh.verdicts import CONNECT_REASONS, LATER_REASONS, TABLE, Row, matching
from ground2cloud.openssh.words import parse

CONTEXT = LaneContext("gw", 22, "carol", Path("/my key"), Path("/kh"))
FORWARD = Forward("app", "127.0.0.1", 11081, "localhost", 8080)
SAMPLES = (
    "/c: line 3: Bad configuration option: foo",
    "/c line 3: Bad yes/no argument",
    "@    WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED!     @",
    "No ED25519 host key is known for gw and you have requested strict checking.",
    'Load key "/k": bad permissions',
    'Load key "/k": incorrect passphrase supplied to decrypt private key',
    'Load key "/k": invalid format',
    "no such identity: /k: No such file or directory",
    "carol@gw: Permission denied (password).",
    "Server accepts key: /k",
    "Permission denied (publickey).",
    "Remote: port forwarding refused",
    "Error: remote port forwarding failed for listen port 11081",
    "kex_exchange_identification: banner line 0: Exceeded MaxStartups",
    "kex_exchange_identification: banner line 0: Not allowed at this time",
    "ssh: Could not resolve hostname gw: Name or service not known",
    "ssh: connect to host gw port 22: Connection refused",
    "ssh: connect to host gw port 22: Operation timed out",
    "ssh: connect to host gw port 22: No route to host",
    "Connection timed out during banner exchange",
    "Unable to negotiate with gw port 22: no matching MAC found. Their offer: x",
    "stdio forwarding failed",
    "ssh_exchange_identification: Connection closed by remote host",
    "Bad remote protocol version identification: 'x'",
    "channel 0: open failed: administratively prohibited: no",
    "Timeout, server gw not responding.",
    "Connection to gw closed by remote host.",
)
"""One line for each row, in their order; the real ones are provoked in tests/e2e."""


def row_of(line: str) -> tuple[int, Row]:
    index, _ = next(matching(parse(line), offline=True))
    return index, TABLE[index]


def test_every_row_has_a_sample() -> None:
    assert [row_of(line)[0] for line in SAMPLES] == list(range(len(TABLE)))


@pytest.mark.parametrize("line", SAMPLES)
@pytest.mark.parametrize("jumps", [(), ("gw",)])
def test_every_row_is_worded(line: str, jumps: tuple[str, ...]) -> None:
    """A short message without a full stop, and for what lasts a hint."""
    context = LaneContext("gw", 22, "carol", Path("/my key"), Path("/kh"), jumps=jumps)
    index, match = next(matching(parse(line), offline=True))
    verdict = judge(TABLE[index], match, context, evidence=line, failed=FORWARD)
    assert verdict.evidence == line
    assert verdict.message == verdict.message.strip()
    assert 10 < len(verdict.message) < 160
    assert not verdict.message.endswith(".")
    assert "{" not in verdict.message + verdict.hint
    assert verdict.hint or verdict.outcome is Outcome.TRANSIENT


def test_what_may_pass_elsewhere_blocks_nobody() -> None:
    line = "Host key verification failed."
    one_of_two = replace(CONTEXT, passing=frozenset({"host-key-unknown"}))
    index, match = next(matching(parse(line), offline=True))
    outcomes = [
        judge(TABLE[index], match, each, evidence=line).outcome for each in (CONTEXT, one_of_two)
    ]
    assert outcomes == [Outcome.PERMANENT, Outcome.TRANSIENT]


def test_what_a_server_chooses_is_in_no_message() -> None:
    evil = "\x1b[2J<evil>"
    lines = [
        f"Received disconnect from 1.2.3.4 port 22:2: {evil}",
        f"Unable to negotiate with {evil}: no matching cipher found. Their offer: {evil}",
        f"u@gw: Permission denied ({evil}).",
        f"kex_exchange_identification: banner line 0: Exceeded MaxStartups {evil}",
        f"channel 0: open failed: administratively prohibited: {evil}",
        f"Host key for {evil} has changed and you have requested strict checking.",
    ]
    for line in lines:
        index, match = next(matching(parse(line), offline=True))
        verdict = judge(TABLE[index], match, CONTEXT, evidence=line)
        assert "evil" not in verdict.message + verdict.hint, line


def test_the_pinned_key_is_mended_in_the_configuration() -> None:
    line = "No ED25519 host key is known for gw and you have requested strict checking."
    index, match = next(matching(parse(line), offline=True))
    assert "gateway.host_key" in judge(TABLE[index], match, CONTEXT, evidence=line).hint
    unpinned = LaneContext("gw", 22, "carol", Path("/k"), Path("/my hosts"), pinned=False)
    hint = judge(TABLE[index], match, unpinned, evidence=line).hint
    assert str(Path("/my hosts")) in hint


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        ("/c: line 3: Bad configuration option: foo\r\n/c: terminating, 1 bad", "option-unknown"),
        (
            "/c line 3: unsupported option\n/c: terminating, 1 bad configuration options",
            "config-bad",
        ),
        ("Bad owner or permissions on /c\n", "config-bad"),
        ("something new\n", "config-bad"),
        ("", "config-bad"),
        ("Permission denied (publickey).", "config-bad"),
    ],
)
def test_a_refused_file_is_a_lasting_cause(words: str, reason: str) -> None:
    verdict = refused(words, CONTEXT)
    assert (verdict.reason, verdict.outcome) == (reason, Outcome.PERMANENT)
    assert verdict.evidence == words.split("\n", maxsplit=1)[0].strip()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            "/c line 3: Bad SSH2 cipher spec 'x'.",
            "ssh refuses its configuration: Bad SSH2 cipher spec 'x'",
        ),
        ("Bad owner or permissions on /c", None),
        ("something new", None),
        ("", "ssh refuses its configuration"),
        ("/c: terminating, 1 bad configuration options", "ssh refuses its configuration"),
    ],
)
def test_what_ssh_has_against_a_file_is_told(words: str, message: str | None) -> None:
    expected = message or f"ssh refuses its configuration: {words}"
    assert refused(words, CONTEXT).message == expected


def test_our_own_file_is_judged_only_before_a_server_was_reached() -> None:
    """Later such a line is of somebody else's file: the shell's on the gateway, perhaps."""
    line = parse("/etc/profile: line 3: Bad configuration option: foo")
    assert not list(matching(line, offline=False))


@pytest.mark.parametrize(
    ("code", "session", "ready", "reason"),
    [
        (-9, True, True, "killed"),
        (-250, False, False, "killed"),
        (0, False, True, "terminated"),
        (0, True, True, "session-refused"),
        (127, True, False, "session-refused"),
        (255, True, True, "session-ended"),
        (255, True, False, "unknown"),
        (255, False, True, "unknown"),
        (1, False, False, "unknown"),
    ],
)
def test_an_end_without_words(code: int, reason: str, *, session: bool, ready: bool) -> None:
    context = LaneContext("gw", 22, "u", Path("/k"), Path("/kh"), session=session)
    verdict = without_words(code, context, ready=ready, last="bye")
    assert (verdict.reason, verdict.outcome) == (reason, Outcome.TRANSIENT)
    assert verdict.evidence == "bye"


def test_sets_of_reasons_name_rows() -> None:
    assert {row.reason for row in TABLE} >= CONNECT_REASONS | LATER_REASONS
    assert {row.only_with for row in TABLE} - {""} <= {row.reason for row in TABLE}
