"""Which ports can be listened on, and which others may take by chance."""

import socket
from pathlib import Path

import pytest

from ground2cloud.config.gateway_model import GatewayConfig, Public, Tunnels
from ground2cloud.roles.gateway.ports import lent_by_chance, why_not
from tests.lab.ports import free_port


def test_a_free_port_has_no_reason() -> None:
    assert why_not("127.0.0.1", free_port()) is None


def test_a_port_that_is_taken_and_an_address_that_is_not_here() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        assert why_not("127.0.0.1", port) == f"127.0.0.1:{port} is taken by another program"
        assert "is taken" in (why_not("0.0.0.0", port) or "")
        assert why_not("127.0.0.2", port) is None
    assert "has no such address" in (why_not("192.0.2.1", 1234) or "")


@pytest.mark.parametrize(
    ("first", "last", "told"),
    [
        (11081, 32767, False),
        (11081, 32768, True),
        (40000, 40010, True),
        (60999, 61010, True),
        (61000, 62000, False),
        (11081, 65535, True),
    ],
)
def test_tunnel_ports_that_outgoing_connections_may_take(
    tmp_path: Path, first: int, last: int, *, told: bool
) -> None:
    lent = tmp_path / "range"
    lent.write_text("32768\t60999\n")
    tunnels = Tunnels(first_port=first, last_port=last)
    config = GatewayConfig(gateway=Public(host="g2c.example"), tunnels=tunnels)
    words = lent_by_chance(config, lent)
    assert bool(words) is told
    if told:
        assert "32768..60999" in words
        assert "\n" not in words


def test_where_the_range_is_not_known_nothing_is_said(tmp_path: Path) -> None:
    config = GatewayConfig(gateway=Public(host="g2c.example"), tunnels=Tunnels(last_port=65535))
    assert lent_by_chance(config, tmp_path / "none") == ""
