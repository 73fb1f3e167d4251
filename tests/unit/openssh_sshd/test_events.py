"""What sshd's lines tell, and what a client's words in them never do."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ground2cloud.openssh.sshd.events import (
    Accepted,
    ChildOf,
    Denied,
    Event,
    Full,
    Listening,
    PortTaken,
    Refused,
    Restarting,
    parse_event,
)

PRINT = "SHA256:cIxXFwZd66zQgcJtRbJ8D1o6nqR6nP35eeimV5FRPwc"
TAG = "auth.c:auth_log():298 (pid=8600): "
NEW_TAG = "auth.c:auth_log():326 (bin=sshd-session, pid=8600): "
ASKED = "Received request from 192.0.2.1 port 39368 to remote forward to"
ACCEPTED = f"Accepted publickey for g2c from 127.0.0.1 port 46830 ssh2: ED25519 {PRINT}"


@pytest.mark.parametrize(
    ("line", "event"),
    [
        (TAG + ACCEPTED, Accepted(8600, PRINT, "127.0.0.1", 46830)),
        (TAG + ACCEPTED + "\r", Accepted(8600, PRINT, "127.0.0.1", 46830)),
        (NEW_TAG + ACCEPTED, Accepted(8600, PRINT, "127.0.0.1", 46830)),
        (
            "sshd.c:privsep_postauth():577 (pid=9120): User child is on pid 9126",
            ChildOf(9120, 9126),
        ),
        (
            TAG + f"Failed publickey for g2c from ::1 port 4 ssh2: ED25519 {PRINT} [preauth]",
            Refused(PRINT, "::1"),
        ),
        ("Server listening on 0.0.0.0 port 22.", Listening("0.0.0.0", 22)),
        ("Server listening on :: port 22.", Listening("::", 22)),
        ("Received SIGHUP; restarting.", Restarting()),
        (
            "bind [127.0.0.2]:23081: Address already in use",
            PortTaken("127.0.0.2", 23081),
        ),
        (
            f"{ASKED} host 127.0.0.1 port 23081, but the request was denied.",
            Denied("listen", "192.0.2.1", "127.0.0.1:23081"),
        ),
        (
            f"{ASKED} host  port 23081, but the request was denied.",
            Denied("listen", "192.0.2.1", ":23081"),
        ),
        (
            f"{ASKED} path /tmp/x, but the request was denied.",
            Denied("listen", "192.0.2.1", "a Unix socket"),
        ),
        (
            "refused local port forward: originator 127.0.0.1 port 59944, target 10.0.0.1 port 9",
            Denied("connect", "", "10.0.0.1 port 9"),
        ),
        (
            "error: beginning MaxStartups throttling",
            Full(),
        ),
    ],
)
def test_what_a_line_tells(line: str, event: Event) -> None:
    assert parse_event(line) == event


@pytest.mark.parametrize(
    "line",
    [
        "",
        ACCEPTED,  # no tag: any process may have said it
        "Invalid user " + TAG + ACCEPTED,
        "Received disconnect from 127.0.0.1 port 1:11: " + TAG + ACCEPTED,
        f"Bad protocol version identification '{TAG}{ACCEPTED}' from 127.0.0.1 port 1",
        "kex.c:kex_log():298 (pid=8600): " + ACCEPTED,
        TAG + ACCEPTED + " and more",
        TAG + "Postponed publickey for root from 127.0.0.1 port 46830 ssh2 [preauth]",
        "User child is on pid 9126",
        "Invalid user Server listening on 0.0.0.0 port 22.",
        "Received disconnect from 127.0.0.1 port 46830:11: Received SIGHUP; restarting.",
    ],
)
def test_what_tells_nothing(line: str) -> None:
    """A client can get words of its own into a line, but never to its head."""
    assert parse_event(line) is None


@given(st.text())
def test_no_line_is_too_odd(line: str) -> None:
    parse_event(line)


@given(st.text(alphabet=st.characters(codec="ascii", exclude_categories=("Cc",)), max_size=64))
def test_no_user_name_makes_a_login(name: str) -> None:
    """The name is the client's choice; the line is one of a refusal whatever it is."""
    line = (
        f"{TAG}Failed publickey for invalid user {name} from 192.0.2.1 port 4 ssh2: ED25519 {PRINT}"
    )
    assert not isinstance(parse_event(line), Accepted)
