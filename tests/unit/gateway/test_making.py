"""From the configuration to what sshd is told."""

import os

import pytest

from ground2cloud.config.gateway_model import GatewayConfig, Public, Router, Sshd
from ground2cloud.roles.gateway.making import pace, per_source


def config(most: int, *, shared: bool = False) -> GatewayConfig:
    return GatewayConfig(
        gateway=Public(host="g2c.example"),
        ssh=Sshd(max_startups=most),
        router=Router(ssh_on_https_port=shared),
    )


@pytest.mark.parametrize("most", [10, 40, 400, 10_000])
@pytest.mark.parametrize("processors", [1, 2, 64])
@pytest.mark.parametrize("shared", [True, False])
def test_one_address_has_room_for_all_that_are_paced_and_never_everything(
    monkeypatch: pytest.MonkeyPatch, most: int, processors: int, *, shared: bool
) -> None:
    monkeypatch.setattr(os, "cpu_count", lambda: processors)
    found = config(most, shared=shared)
    assert pace(found).at_once <= per_source(found) < most


def test_through_the_shared_port_all_have_one_address() -> None:
    assert per_source(config(400, shared=True)) == 300
    assert per_source(config(4000)) == 1000
