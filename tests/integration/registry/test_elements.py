"""Elements: who may call, what, from where, until when."""

from typing import Any

import pytest

from ground2cloud.registry.records import Element, Grant
from ground2cloud.registry.store import Registry
from ground2cloud.registry.tokens import digest
from tests.integration.registry.refusing import refuses
from tests.lab.registering import NOW, enter, make_invite


@pytest.fixture
def registered(registry: Registry) -> Registry:
    """A registry with the registrations 1001 and 1002; 1002 is revoked."""
    for name in ("one", "two"):
        enter(registry, make_invite(registry), name)
    registry.revoke(1002, NOW)
    return registry


def test_an_element_is_kept_as_it_was_given(registered: Registry) -> None:
    made = registered.add_element(
        " billing ",
        digest("secret"),
        [Grant(1001, "web"), Grant(1001, "postgres"), Grant(1001, "web")],
        NOW,
        expires_at=NOW + 60,
        networks=["10.0.0.0/8", "2001:db8::/32"],
        connections=20,
        rate=100,
    )
    assert made == Element(
        1,
        "billing",
        digest("secret"),
        (Grant(1001, "web"), Grant(1001, "postgres")),
        NOW,
        NOW + 60,
        ("10.0.0.0/8", "2001:db8::/32"),
        20,
        100,
    )
    plain = registered.add_element("crm", digest("other"), [Grant(1001)], NOW)
    assert plain == Element(2, "crm", digest("other"), (Grant(1001),), NOW)
    assert registered.elements() == (made, plain)


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"name": "billing"}, "name-in-use"),
        ({"name": "a\nb"}, "bad-name"),
        ({"name": "7"}, "bad-name"),
        ({"key_hash": digest("secret")}, "key-in-use"),
        ({"grants": []}, "bad-grant"),
        ({"grants": [Grant(1001), Grant(1003)]}, "unknown-registration"),
        ({"grants": [Grant(10**30)]}, "unknown-registration"),
        ({"grants": [Grant(1002)]}, "revoked"),
        ({"grants": [Grant(1001, "web"), Grant(1001, "ftp\0\n")]}, "unknown-service"),
        ({"networks": ["10.0.0.1/8"]}, "bad-network"),
        ({"connections": 0}, "bad-limit"),
        ({"rate": 10**9}, "bad-limit"),
        ({"expires_at": float("nan")}, "bad-time"),
    ],
)
def test_what_can_not_be_granted_is_refused(
    registered: Registry, changed: dict[str, Any], reason: str
) -> None:
    registered.add_element("billing", digest("secret"), [Grant(1001)], NOW)
    given = {"name": "crm", "key_hash": digest("other"), "grants": [Grant(1001)]} | changed
    with refuses(registered, reason):
        registered.add_element(**given, now=NOW)


def test_a_revoked_element_stays_in_the_list_and_its_key_is_never_taken_again(
    registered: Registry,
) -> None:
    made = registered.add_element("billing", digest("secret"), [Grant(1001)], NOW)
    before = registered.changes()
    revoked = registered.revoke_element(made.id, NOW + 1)
    assert registered.changes() > before
    assert revoked.revoked_at == NOW + 1
    assert registered.revoke_element(made.id, NOW + 2) == revoked
    with refuses(registered, "key-in-use"):
        registered.add_element("billing", digest("secret"), [Grant(1001)], NOW)
    again = registered.add_element("billing", digest("new"), [Grant(1001)], NOW)
    assert registered.elements() == (revoked, again)


@pytest.mark.parametrize("identity", [0, -1, 2, 2**31, 10**30])
def test_a_number_that_is_no_element_is_refused(registered: Registry, identity: int) -> None:
    registered.add_element("billing", digest("secret"), [Grant(1001)], NOW)
    with refuses(registered, "unknown-element"):
        registered.revoke_element(identity, NOW)


def test_a_grant_outlives_a_service_that_is_away_for_a_while(registered: Registry) -> None:
    made = registered.add_element("billing", digest("secret"), [Grant(1001, "web")], NOW)
    registered.set_services(digest("one"), [], NOW)
    assert registered.elements() == (made,)
