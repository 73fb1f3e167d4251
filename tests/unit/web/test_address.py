"""`host:port`, taken apart and put together."""

import pytest

from ground2cloud.core import addresses
from ground2cloud.web import address


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("127.0.0.1:3015", ("127.0.0.1", 3015)),
        ("127.1.2.3:1", ("127.1.2.3", 1)),
        ("localhost:0", ("127.0.0.1", 0)),
        ("[::1]:65535", ("::1", 65535)),
    ],
)
def test_splits_loopback_addresses(text: str, expected: tuple[str, int]) -> None:
    assert address.split(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "",
        ":",
        "3015",
        "127.0.0.1",
        "127.0.0.1:",
        "127.0.0.1:65536",
        "127.0.0.1:-1",
        "127.0.0.1:३",
        "example.com:80",
        "evil.localhost:80",
        "0.0.0.0:3015",
        "192.0.2.1:3015",
        "[::]:3015",
        "/run/socket:1",
    ],
)
def test_refuses_what_is_not_loopback_with_a_port(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        address.split(text)


@pytest.mark.parametrize("text", ["127.0.0.1:3015", "[::1]:3015"])
def test_joins_what_it_split(text: str) -> None:
    assert addresses.join(*address.split(text)) == text
