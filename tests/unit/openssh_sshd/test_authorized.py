"""Lines of authorized_keys, from grants; what could disable a line never gets into one."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ground2cloud.openssh.sshd import authorized
from ground2cloud.openssh.sshd.authorized import KeyGrant, fingerprint, is_large, line, text

HEAD = b"\x00\x00\x00\x0bssh-ed25519\x00\x00\x00\x20"
KEY = "ssh-ed25519 " + base64.b64encode(HEAD + bytes(range(32))).decode()
OTHER = "ssh-ed25519 " + base64.b64encode(HEAD + bytes(32)).decode()
SLOTS = ("127.0.0.1", "127.0.0.2")


def test_a_key_is_bound_to_each_of_its_ports_on_each_of_its_slots() -> None:
    assert line(KeyGrant(1001, KEY, SLOTS, (11081, 11082))) == (
        'restrict,command="exec cat",port-forwarding,'
        'permitlisten="127.0.0.1:11081",permitlisten="127.0.0.1:11082",'
        f'permitlisten="127.0.0.2:11081",permitlisten="127.0.0.2:11082" {KEY} g2c-1001\n'
    )


@pytest.mark.parametrize(("slots", "ports"), [((), (11081,)), (SLOTS, ()), ((), ())])
def test_without_a_place_nothing_may_be_forwarded(
    slots: tuple[str, ...], ports: tuple[int, ...]
) -> None:
    """`port-forwarding` without a `permitlisten` would allow every port."""
    assert line(KeyGrant(1001, KEY, slots, ports)) == (
        f'restrict,command="exec cat" {KEY} g2c-1001\n'
    )


@pytest.mark.parametrize(
    "key",
    [
        "",
        "ssh-ed25519",
        "ssh-rsa AAAAB3NzaC1yc2E=",
        KEY + " comment",
        KEY + "\n",
        f'command="sh" {KEY}',
        KEY.replace("ssh-ed25519 ", "ssh-ed25519  "),
        KEY[:-4],
        KEY + "AAAA",
        "ssh-ed25519 AAAA====",
        "ssh-ed25519 " + base64.b64encode(HEAD + bytes(33)).decode(),
        "ssh-ed25519 " + base64.b64encode(b"\x00\x00\x00\x07ssh-rsa" + bytes(44)).decode(),
        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ5KSh3nPBOc1tsKpMvTpAO1ZcWRJAUo6kYZ0U6tG5b\u00e9",
    ],
)
def test_what_is_no_key_is_refused(key: str) -> None:
    with pytest.raises(ValueError, match="public key"):
        KeyGrant(1001, key, SLOTS, (11081,))


@given(st.text(max_size=100))
def test_no_text_ever_breaks_out_of_a_line(key: str) -> None:
    try:
        made = line(KeyGrant(1001, key, SLOTS, (11081,)))
    except ValueError:
        return
    assert made.count("\n") == 1


@pytest.mark.parametrize("slot", ["0.0.0.0", "10.0.0.1", "localhost", "::1", '127.0.0.1"', "*"])
def test_a_slot_is_a_loopback_address(slot: str) -> None:
    with pytest.raises(ValueError, match=r"loopback|IPv4|Octet|Expected|Only"):
        KeyGrant(1001, KEY, (slot,), (11081,))


@pytest.mark.parametrize("port", [0, -1, 65536])
def test_a_port_that_is_none_would_disable_the_line(port: int) -> None:
    with pytest.raises(ValueError, match="not a port"):
        KeyGrant(1001, KEY, SLOTS, (port,))


def test_two_registrations_may_not_share_a_key_but_one_may_have_two() -> None:
    mine = KeyGrant(1001, KEY, SLOTS, (11081,))
    next_one = KeyGrant(1001, OTHER, SLOTS, (11081,))
    assert text([mine, next_one]).count("\n") == 2
    with pytest.raises(ValueError, match="the key of 1001 is also that of 1002"):
        text([mine, KeyGrant(1002, KEY, SLOTS, (11082,))])


def test_the_way_to_look_up_does_not_change_to_and_fro() -> None:
    assert not is_large(authorized.LARGE, before=False)
    assert is_large(authorized.LARGE + 1, before=False)
    assert is_large(authorized.LARGE, before=True)
    assert not is_large(authorized.LARGE_NO_MORE, before=True)


def test_the_fingerprint_is_openssh_s() -> None:
    """From `ssh-keygen -l` of this very key."""
    key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f"
    assert key == KEY
    assert fingerprint(key) == "SHA256:ZkAslGjFiUHdGf/WUL8rQvkib4PTvQatUV0OUQSncCA"
