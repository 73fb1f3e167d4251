"""`ssh.jump`: one host or several, as the configuration writes them."""

from pathlib import Path

import pytest

from ground2cloud.openssh.jump import Hop, parse, proxy_command


@pytest.mark.parametrize(
    ("text", "hops"),
    [
        ("jump.example", (Hop("jump.example", 22),)),
        ("alice@jump.example:2201", (Hop("jump.example", 2201, "alice"),)),
        ("[::1]:2201", (Hop("::1", 2201),)),
        ("a@[fe80::1]", (Hop("fe80::1", 22, "a"),)),
        ("one,b@two:3", (Hop("one", 22), Hop("two", 3, "b"))),
    ],
)
def test_hops(text: str, hops: tuple[Hop, ...]) -> None:
    assert parse(text) == hops


@pytest.mark.parametrize(
    "text",
    ["", "one,", "host:0", "host:65536", "a@b@c", "-oX=y", "a b", "::1", "@host", "$(x)", "h:1;x"],
)
def test_what_is_no_hop(text: str) -> None:
    with pytest.raises(ValueError, match=r"is not|is neither"):
        parse(text)


def test_the_command_goes_through_the_named_hop() -> None:
    command = proxy_command("/usr/bin/ssh", Path("/run/my lane.conf"), 1)
    assert command.endswith("jump-2")
    assert "my lane.conf" in command
    assert "[%h]:%p" in command


def test_a_percent_sign_in_a_path_is_none_of_sshs_tokens() -> None:
    assert "100%%" in proxy_command("/usr/bin/ssh", Path("/run/100%/lane.conf"), 0)
