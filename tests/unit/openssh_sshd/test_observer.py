"""When sshd is ready, why it ended, and that clients have no say in either."""

import logging

import pytest

from ground2cloud.core.spec import Outcome
from ground2cloud.openssh.sshd.events import Event, Full
from ground2cloud.openssh.sshd.observer import SshdObserver, level
from ground2cloud.openssh.sshd.settings import Listen
from ground2cloud.openssh.sshd.verdicts import TABLE, refused

PLACES = (Listen("0.0.0.0", 22), Listen("::", 2222))
FIRST, SECOND = "Server listening on 0.0.0.0 port 22.", "Server listening on :: port 2222."
TAKEN = "error: Bind to port 22 on 0.0.0.0 failed: Address already in use."


def heard(*lines: str) -> SshdObserver:
    observer = SshdObserver(lambda: PLACES)
    for line in lines:
        observer.line(line)
    return observer


def test_ready_is_listening_everywhere() -> None:
    observer = SshdObserver(lambda: PLACES)
    assert not observer.line(FIRST)
    assert not observer.line("Server listening on :: port 2223.")
    assert observer.line(SECOND)
    assert observer.line("anything")


@pytest.mark.parametrize(
    ("line", "reason", "outcome"),
    [
        (TAKEN, "port-taken", Outcome.TRANSIENT),
        (TAKEN.removeprefix("error: "), "port-taken", Outcome.TRANSIENT),
        (
            "Bind to port 22 on 0.0.0.0 failed: Permission denied.",
            "port-forbidden",
            Outcome.PERMANENT,
        ),
        (
            "Bind to port 22 on 192.0.2.1 failed: Cannot assign requested address.",
            "address-missing",
            Outcome.TRANSIENT,
        ),
        ("Cannot bind any address.", "listen-failed", Outcome.TRANSIENT),
        ("Missing privilege separation directory: /run/sshd", "privilege-separation", None),
        ("sshd: no hostkeys available -- exiting.", "host-key-unusable", Outcome.PERMANENT),
        ("Permissions 0644 for '/x/host_key' are too open.", "host-key-unusable", None),
        ("/x/sshd_config: line 3: Bad configuration option: Foo", "option-unknown", None),
        ("/x/sshd_config: terminating, 1 bad configuration options", "config-bad", None),
        ("something unheard of", "ended", Outcome.TRANSIENT),
    ],
)
def test_why_it_did_not_start(line: str, reason: str, outcome: Outcome | None) -> None:
    verdict = heard("some line before", line).verdict(255)
    assert verdict.reason == reason
    assert verdict.outcome is (outcome or Outcome.PERMANENT)
    assert verdict.evidence == line
    assert "{" not in verdict.message + verdict.hint


def test_a_signal_is_named() -> None:
    verdict = heard(TAKEN).verdict(-9)
    assert (verdict.reason, verdict.outcome) == ("killed", Outcome.TRANSIENT)


def test_a_client_can_not_say_why_a_ready_sshd_ended() -> None:
    line = "Invalid user /x: line 3: Bad configuration option: Foo from 192.0.2.1 port 4"
    observer = heard(FIRST, SECOND, line, "Bind to port 22 on x failed: Permission denied")
    assert observer.verdict(255).reason == "ended"


def test_a_restart_that_can_not_bind_is_told() -> None:
    observer = heard(FIRST, SECOND, "Received SIGHUP; restarting.", TAKEN)
    assert observer.ready  # lanes are up all the same
    assert observer.verdict(255).reason == "port-taken"
    assert (
        heard(FIRST, SECOND, "Received SIGHUP; restarting.", FIRST, SECOND).verdict(255).reason
        == "ended"
    )


def test_events_are_passed_on() -> None:
    events: list[Event] = []
    observer = SshdObserver(lambda: PLACES, events.append)
    observer.line("drop connection #401 from [192.0.2.1]:4 on [192.0.2.2]:22 past MaxStartups")
    assert events == [Full()]


def test_what_the_check_said() -> None:
    verdict = refused("\n/x/c: line 3: Bad configuration option: Foo\r\n/x/c: terminating, 1 bad\n")
    assert (verdict.reason, verdict.outcome) == ("option-unknown", Outcome.PERMANENT)
    assert "Foo" in verdict.message
    assert refused("").reason == "config-bad"
    assert refused("who knows").evidence == "who knows"


def test_every_row_has_words() -> None:
    assert all(row.message for row in TABLE)
    assert len({row.pattern.pattern for row in TABLE}) == len(TABLE)


def test_how_loud_a_line_is() -> None:
    assert level(TAKEN) == logging.WARNING
    assert level("bind [127.0.0.2]:23081: Address already in use") == logging.WARNING
    assert level("Disconnected from user g2c 192.0.2.1 port 4") == logging.DEBUG
    assert level(FIRST) == logging.INFO
