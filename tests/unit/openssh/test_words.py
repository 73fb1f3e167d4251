"""Lines of ssh's stderr, taken apart; the forms of each version, as they were seen."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ground2cloud.openssh.words import KEPT, Words, parse


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (  # 8.5 and 8.6
            "debug1: ssh.c:ssh_confirm_remote_forward():1827: remote forward success",
            Words("remote forward success", "ssh_confirm_remote_forward", debug=True, tagged=True),
        ),
        (  # 8.7 to 9.9
            "packet.c:sshpkt_vfatal():1931 (pid=15033): Unable to negotiate with 1.2.3.4",
            Words("Unable to negotiate with 1.2.3.4", "sshpkt_vfatal", 15033, tagged=True),
        ),
        (  # 10.0 and later
            "debug1: kex.c:kex_exchange_identification():1 (bin=ssh, pid=7): Local version x",
            Words("Local version x", "kex_exchange_identification", 7, debug=True, tagged=True),
        ),
        (
            "kex_exchange_identification: read: Connection reset by peer\r",
            Words("read: Connection reset by peer", "kex_exchange_identification"),
        ),
        ("debug1: Remote: x", Words("Remote: x", debug=True)),
        ("ssh: connect to host h port 1: y", Words("ssh: connect to host h port 1: y")),
        ("", Words("")),
    ],
)
def test_every_form(line: str, words: Words) -> None:
    assert parse(line) == words


def test_only_the_first_exchange_introduces() -> None:
    assert parse("kex_exchange_identification: x").introduces
    assert parse("ssh_exchange_identification: x").introduces, "up to 7.9"
    assert not parse("sshpkt_vfatal: x").introduces


@given(line=st.text())
def test_no_line_is_too_strange(line: str) -> None:
    words = parse(line)
    assert len(words.text) <= KEPT


@given(text=st.text(st.characters(exclude_characters="\r\n")))
def test_a_tag_inside_a_line_is_no_tag(text: str) -> None:
    """Only what stands at the very beginning counts."""
    words = parse(f"x{text} debug1: ssh.c:ssh_confirm_remote_forward():1 (pid=1): y")
    assert words.function != "ssh_confirm_remote_forward"
