"""What sshd, the router and agents are told follows from the registry's records alone."""

from dataclasses import replace

import pytest

from ground2cloud.config.gateway_model import GatewayConfig, Public, Router, Sshd
from ground2cloud.config.model import Kind
from ground2cloud.haproxy import maps
from ground2cloud.haproxy.wire import word
from ground2cloud.registry.checks import NETWORKS, check_networks
from ground2cloud.registry.errors import RefusedError
from ground2cloud.registry.records import SLOTS, Element, Grant, Registration, ServicePort
from ground2cloud.roles.gateway import derive
from tests.lab.registering import make_key

MINE = Registration(
    id=1001,
    name="office",
    key=make_key("now"),
    next_key=None,
    slots=SLOTS,
    services=(ServicePort("web", Kind.HTTP, 11081), ServicePort("db", Kind.MYSQL, 11082)),
    created_at=1.0,
    token_hash="B" * 64,
)
REVOKED = replace(MINE, id=1002, key=make_key("gone"), revoked_at=2.0)
CALLER = Element(7, "caller", "A" * 64, (Grant(1001), Grant(1001, "db")), 1.0, rate=5)


def test_a_revoked_registration_has_no_key_and_no_way() -> None:
    assert [grant.registration for grant in derive.key_grants(MINE)] == [1001]
    assert {each.registration for each in derive.backends(MINE, frozenset())} == {1001}
    assert not derive.key_grants(REVOKED)
    assert not derive.backends(REVOKED, frozenset())


def test_a_key_that_is_proposed_lets_in_beside_the_old_one() -> None:
    both = derive.key_grants(replace(MINE, next_key=make_key("next")))
    assert [grant.key for grant in both] == [make_key("now"), make_key("next")]
    assert all(grant.ports == (11081, 11082) for grant in both)


def test_callers_are_led_to_those_slots_alone_on_which_a_lane_listens() -> None:
    up = frozenset({("127.0.0.2", 11081), ("127.0.0.9", 11082), ("127.0.0.1", 4711)})
    web, db = derive.backends(MINE, up)
    assert (web.service, web.slots) == ("web", ("127.0.0.2",))
    assert (db.service, db.slots) == ("db", ())


def test_a_revoked_element_has_no_key() -> None:
    [key] = derive.keys([CALLER, replace(CALLER, id=8, revoked_at=3.0)])
    assert (key.element, key.grants, key.rate) == (7, ((1001, None), (1001, "db")), 5)


def test_the_widest_element_of_the_registry_can_be_told_to_the_router() -> None:
    """One that can't be would keep the router from all others, and from its next start."""
    wide = [
        f"2001:db8:ffff:ffff:ffff:ffff:ffff:{n:x}/128" for n in range(0xF000, 0xF000 + NETWORKS)
    ]
    networks = check_networks(wide)
    assert len(networks) == NETWORKS
    caller = replace(
        CALLER, id=10**9, networks=networks, expires_at=1e11, connections=10**6, rate=10**6
    )
    [key] = derive.keys([caller])
    assert word(maps.key_value(key))
    with pytest.raises(RefusedError, match="at most"):
        check_networks([*wide, "10.0.0.0/8"])


def test_agents_are_told_the_shared_port_last() -> None:
    config = GatewayConfig(
        gateway=Public(host="g2c.example.com"), router=Router(ssh_on_https_port=True)
    )
    found = [(each.host, each.port) for each in derive.endpoints(config)]
    assert found == [("g2c.example.com", 22), ("g2c.example.com", 443)]


def test_agents_are_told_the_endpoints_that_are_named() -> None:
    named = Sshd(endpoints=("[2001:db8::1]:2222", "other.example.com:22"))
    found = derive.endpoints(GatewayConfig(gateway=Public(host="x"), ssh=named))
    assert [(each.host, each.port) for each in found] == [
        ("2001:db8::1", 2222),
        ("other.example.com", 22),
    ]
