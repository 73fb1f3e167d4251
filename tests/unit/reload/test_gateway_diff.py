"""What differs between two configurations of a gateway."""

import msgspec
import pytest

from ground2cloud.config.gateway_model import GatewayConfig, Public, Records, Router, Sshd
from ground2cloud.config.model import Paths
from ground2cloud.reload.gateway_diff import AT_START, GatewayChanges, gateway_diff, merged

BASE = GatewayConfig(gateway=Public(host="g2c.example"))


def with_(**tables: object) -> GatewayConfig:
    return msgspec.structs.replace(BASE, **tables)


def test_nothing_differs_from_itself() -> None:
    assert not gateway_diff(BASE, BASE)
    assert gateway_diff(BASE, BASE) == GatewayChanges()


def test_every_key_that_differs_is_named_in_the_order_of_the_file() -> None:
    new = with_(ssh=Sshd(port=2222, max_startups=50), router=Router(port=8080, program="/x"))
    assert gateway_diff(BASE, new) == GatewayChanges(
        live=("ssh.port", "ssh.max_startups", "router.port"), at_start=("router.program",)
    )


@pytest.mark.parametrize(
    ("new", "key"),
    [
        (with_(gateway=Public(host="g2c.example", user="me")), "gateway.user"),
        (with_(ssh=Sshd(program="/opt/sshd")), "ssh.program"),
        (with_(router=Router(program="/opt/haproxy")), "router.program"),
        (with_(registry=Records(url="sqlite:////x")), "registry.url"),
        (with_(paths=Paths(state="/x")), "paths.state"),
        (with_(paths=Paths(run="/x")), "paths.run"),
    ],
)
def test_what_can_not_change_while_it_runs_waits_and_what_runs_stays(
    new: GatewayConfig, key: str
) -> None:
    assert gateway_diff(BASE, new) == GatewayChanges(at_start=(key,))
    assert merged(BASE, new) == BASE


def test_the_rest_of_a_mixed_edit_is_in_force_at_once() -> None:
    new = with_(router=Router(port=8080, program="/x"))
    assert merged(BASE, new) == with_(router=Router(port=8080))


def test_every_key_that_waits_exists() -> None:
    for key in AT_START:
        table, _, name = key.partition(".")
        assert name in getattr(BASE, table).__struct_fields__
