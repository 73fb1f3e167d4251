"""What is taken as a host key, and what is said about what isn't one."""

import pytest

from ground2cloud.config.host_key import find_fault
from tests.unit.config.writing import host_key

POINT = bytes(65)


@pytest.mark.parametrize(
    "text",
    [
        host_key(),
        host_key() + " root@gateway with a comment",
        host_key("ssh-rsa", b"\1\0\1", bytes(257)),
        host_key("ecdsa-sha2-nistp256", b"nistp256", POINT),
        host_key("sk-ssh-ed25519@openssh.com", bytes(32), b"ssh:"),
    ],
)
def test_every_kind_of_host_key_is_taken(text: str) -> None:
    assert find_fault(text) is None


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("", "expected `<type> <base64>`"),
        ("ssh-ed25519", "expected `<type> <base64>`"),
        ("ssh-ed25519 ", "the base64 part is damaged"),
        (host_key().split()[1], "expected `<type> <base64>`"),
        ("SHA256:" + "a" * 43, "expected `<type> <base64>`"),
        ("-----BEGIN OPENSSH PRIVATE KEY----- b3Bl", "expected `<type> <base64>`"),
        ("g2c.example.com " + host_key(), "leave out the host name in front of it"),
        ("@cert-authority * " + host_key(), "a marker (@cert-authority, @revoked) belongs into"),
        ("@\uaaf7", "a marker (@cert-authority, @revoked) belongs into"),
        (host_key("ssh-ed25519-cert-v01@openssh.com"), "this is a certificate"),
        (host_key()[:-1], "the base64 part is damaged"),
        (host_key()[:-4], "the base64 part is damaged"),
        (host_key()[:30] + "*" + host_key()[31:], "the base64 part is damaged"),
        (host_key().replace(" ", "  "), "the base64 part is damaged"),
        ("ssh-ed25519 AAAA\N{HORIZONTAL ELLIPSIS}", "not filled in"),
        ("ssh-ed25519 AAAA", "the base64 part is damaged"),
        (
            "ssh-rsa " + host_key().split()[1],
            "the line says ssh-rsa, the key in it is of another type",
        ),
    ],
)
def test_what_is_no_host_key_is_told_apart(text: str, fault: str) -> None:
    found = find_fault(text)
    assert found is not None
    assert fault in found
    assert found.isprintable()
