"""Registrations: made once, of an invite; changed by their agent; ended by their operator."""

from dataclasses import replace

import pytest

from ground2cloud.config.model import MOST_SERVICES, Kind
from ground2cloud.registry.errors import RefusedError
from ground2cloud.registry.records import (
    SLOTS,
    Invite,
    PortRange,
    Registration,
    ServicePort,
    Sighting,
)
from ground2cloud.registry.store import Registry
from ground2cloud.registry.tokens import digest
from tests.integration.registry.refusing import refuses
from tests.lab.registering import NOW, SERVICES, enter, make_invite, make_key

DB = ("db", Kind.MYSQL)
WEB = ("web", Kind.HTTP)
TOO_MANY = tuple((f"s{number}", Kind.TCP) for number in range(MOST_SERVICES + 1))


def joined(registry: Registry, name: str = "one", *services: tuple[str, Kind]) -> Registration:
    return enter(registry, make_invite(registry), name, services or SERVICES)


def ports(registration: Registration) -> dict[str, int]:
    return {service.name: service.port for service in registration.services}


def test_an_invite_becomes_a_registration(registry: Registry) -> None:
    made = joined(registry)
    services = (
        ServicePort("postgres", Kind.POSTGRESQL, 11081),
        ServicePort("web", Kind.HTTP, 11082),
    )
    token = digest("one")
    assert made == Registration(1001, "one", make_key("one"), None, SLOTS, services, NOW, token)
    assert registry.registration(1001) == made
    assert registry.registrations() == (made,)
    assert registry.by_token(digest("one")) == made


def test_ids_and_ports_are_counted_on(registry: Registry) -> None:
    made = [joined(registry, name) for name in ("one", "two", "three")]
    assert [registration.id for registration in made] == [1001, 1002, 1003]
    assert [list(ports(registration).values()) for registration in made] == [
        [11081, 11082],
        [11083, 11084],
        [11085, 11086],
    ]
    assert registry.registrations() == tuple(made)


def test_everything_is_there_after_opening_it_again(registry: Registry, url: str) -> None:
    made = joined(registry)
    again = Registry(url)
    assert again.registrations() == (made,)
    again.close()


def test_a_token_is_good_for_one_registration(registry: Registry) -> None:
    token = make_invite(registry)
    enter(registry, token, "one")
    with refuses(registry, "token-used"):
        enter(registry, token, "two")
    with refuses(registry, "token-used"):
        enter(registry, token, "one")


def test_an_unknown_token_is_refused(registry: Registry) -> None:
    make_invite(registry)
    with refuses(registry, "token-unknown"):
        enter(registry, "guessed", "one")


def test_a_token_expires(registry: Registry) -> None:
    token = registry.invite(Invite(None, (), NOW, None), NOW - 60)
    with refuses(registry, "token-expired"):
        enter(registry, token, "one")


def test_what_is_long_over_is_forgotten(registry: Registry) -> None:
    token = registry.invite(Invite(None, (), NOW - 40 * 86400, None), NOW)
    make_invite(registry)
    with refuses(registry, "token-unknown"):
        enter(registry, token, "one")


def test_the_operators_name_goes_before_the_agents(registry: Registry) -> None:
    token = registry.invite(Invite(" Head office ", (), NOW + 1), NOW)
    assert enter(registry, token, "DESKTOP-7").name == "Head office"


def test_an_invite_may_allow_some_services_only_now_and_later(registry: Registry) -> None:
    token = make_invite(registry, None, "postgres", "later")
    with refuses(registry, "service-not-allowed"):
        enter(registry, token, "one")
    made = enter(registry, token, "one", SERVICES[:1])
    assert made.allowed == ("postgres", "later")
    with refuses(registry, "service-not-allowed"):
        registry.set_services(made.token_hash, [WEB], NOW)
    assert list(ports(registry.set_services(made.token_hash, [("later", Kind.TCP)], NOW))) == [
        "later"
    ]


@pytest.mark.parametrize(
    ("key", "name", "services", "reason"),
    [
        ("ssh-rsa AAAA", "one", SERVICES, "bad-key"),
        (make_key("taken"), "one", SERVICES, "key-in-use"),
        (make_key(), "a\nb", SERVICES, "bad-name"),
        (make_key(), "one", (("a b", Kind.TCP),), "bad-service"),
        (make_key(), "one", (WEB, WEB), "bad-service"),
        (make_key(), "one", TOO_MANY, "too-many-services"),
    ],
)
def test_a_refused_registration_leaves_its_invite_unused(
    registry: Registry, key: str, name: str, services: tuple[tuple[str, Kind], ...], reason: str
) -> None:
    joined(registry, "taken")
    token = make_invite(registry)
    with refuses(registry, reason):
        enter(registry, token, name, services, key)
    assert enter(registry, token, "one").id == 1002


def test_an_agent_token_is_one_registrations_alone(registry: Registry) -> None:
    mine, other = joined(registry, "one"), joined(registry, "two")
    for renews in (None, other.id):
        token = make_invite(registry, renews)
        with refuses(registry, "agent-token-in-use"):
            enter(registry, token, "one", key=make_key("another"))
    assert registry.by_token(digest("one")) == mine
    token = make_invite(registry, mine.id)
    assert enter(registry, token, "one", key=make_key("again")).id == mine.id


def test_a_service_that_keeps_its_name_keeps_its_port(registry: Registry) -> None:
    made = joined(registry)
    assert ports(registry.set_services(made.token_hash, [DB, WEB], NOW)) == {
        "db": 11083,
        "web": 11082,
    }
    joined(registry, "two", DB)
    assert registry.set_services(made.token_hash, [], NOW).services == ()
    back = registry.set_services(made.token_hash, [WEB, ("postgres", Kind.TCP)], NOW)
    assert back.services == (
        ServicePort("web", Kind.HTTP, 11082),
        ServicePort("postgres", Kind.TCP, 11081),
    )


def test_an_agent_cannot_use_up_the_ports(registry: Registry) -> None:
    made = joined(registry, "one", WEB)
    for turn in range(5):
        names = [(f"s{turn}-{number}", Kind.TCP) for number in range(MOST_SERVICES - 1)]
        found = registry.set_services(made.token_hash, [WEB, *names], NOW + turn)
        assert ports(found)["web"] == 11081
        assert len(set(ports(found).values())) == MOST_SERVICES
    assert ports(joined(registry, "two")) == {"postgres": 11081 + 64, "web": 11082 + 64}


def test_ports_of_others_are_left_out_and_the_range_has_an_end(url: str) -> None:
    registry = Registry(url, PortRange(20000, 20003, frozenset({20001})))
    made = joined(registry, "one", WEB, DB)
    assert ports(made) == {"web": 20000, "db": 20002}
    with refuses(registry, "no-free-port"):
        registry.set_services(made.token_hash, [WEB, DB, ("a", Kind.TCP), ("b", Kind.TCP)], NOW)
    token = make_invite(registry)
    with refuses(registry, "no-free-port"):
        enter(registry, token, "two")
    registry.close()


def test_ports_of_who_is_gone_are_given_out_last_and_longest_gone_first(url: str) -> None:
    registry = Registry(url, PortRange(20000, 20002))
    one, two, _three = (joined(registry, name, WEB) for name in ("one", "two", "three"))
    registry.unregister(two.token_hash, NOW)
    registry.revoke(one.id, NOW + 1)
    assert ports(joined(registry, "four", WEB)) == {"web": 20001}
    assert ports(joined(registry, "five", WEB)) == {"web": 20000}
    token = make_invite(registry)
    with refuses(registry, "no-free-port"):
        enter(registry, token, "six")
    registry.close()
    wider = Registry(url, PortRange(19999, 20002))
    back = enter(wider, make_invite(wider, two.id), "two again", (WEB,))
    assert ports(back) == {"web": 19999}
    wider.close()


def test_a_renewal_keeps_id_and_ports_and_ends_the_old_key_and_token(registry: Registry) -> None:
    made = joined(registry)
    registry.propose_key(made.token_hash, make_key("proposed"))
    token = make_invite(registry, made.id)
    found = enter(registry, token, "reinstalled", (*SERVICES, DB))
    services = (*made.services, ServicePort("db", Kind.MYSQL, 11083))
    key, former = make_key("reinstalled"), made.token_hash
    assert found == replace(made, key=key, token_hash=digest("reinstalled"), services=services)
    assert registry.by_token(found.token_hash) == found
    for act in (
        lambda: registry.by_token(former),
        lambda: registry.set_services(former, [], NOW),
        lambda: registry.propose_key(former, make_key("next")),
        lambda: registry.unregister(former, NOW),
    ):
        with refuses(registry, "agent-unknown"):
            act()
    with refuses(registry, "token-used"):
        enter(registry, token, "again")


def test_a_renewal_may_use_the_same_key(registry: Registry) -> None:
    made = joined(registry)
    assert enter(registry, make_invite(registry, made.id), "one").key == made.key


def test_only_what_there_is_and_is_not_revoked_can_be_renewed(registry: Registry) -> None:
    made = joined(registry)
    with refuses(registry, "unknown-registration"):
        make_invite(registry, 1002)
    token = make_invite(registry, made.id)
    registry.revoke(made.id, NOW)
    with refuses(registry, "revoked"):
        make_invite(registry, made.id)
    with refuses(registry, "revoked"):
        enter(registry, token, "two")


def test_a_new_key_is_valid_beside_the_old_one_until_it_is_confirmed(registry: Registry) -> None:
    made = joined(registry)
    first, second = make_key("first"), make_key("second")
    registry.propose_key(made.token_hash, first)
    proposed = registry.propose_key(made.token_hash, second)
    assert proposed == replace(made, next_key=second)
    assert registry.propose_key(made.token_hash, second) == proposed
    assert registry.propose_key(made.token_hash, made.key) == made, "it is taken back"
    before = registry.changes()
    assert registry.propose_key(made.token_hash, made.key) == made
    assert registry.since(before).registrations == ()
    assert registry.propose_key(made.token_hash, second) == proposed
    with refuses(registry, "unknown-key"):
        registry.confirm_key(made.id, first)
    confirmed = registry.confirm_key(made.id, second)
    assert confirmed == replace(made, key=second)
    assert registry.confirm_key(made.id, second) == confirmed
    with refuses(registry, "unknown-key"):
        registry.confirm_key(made.id, made.key)


def test_no_two_registrations_have_the_same_key(registry: Registry) -> None:
    one, two = joined(registry, "one"), joined(registry, "two")
    registry.propose_key(one.token_hash, make_key("next"))
    for key in (one.key, make_key("next")):
        with refuses(registry, "key-in-use"):
            registry.propose_key(two.token_hash, key)
    with refuses(registry, "bad-key"):
        registry.propose_key(two.token_hash, "ssh-ed25519 AAAA")


def test_revoked_is_for_good(registry: Registry) -> None:
    made = joined(registry)
    revoked = registry.revoke(made.id, NOW)
    assert revoked == replace(made, revoked_at=NOW)
    assert registry.revoke(made.id, NOW + 1) == revoked
    assert registry.registrations() == (revoked,)
    for act in (
        lambda: registry.by_token(digest("one")),
        lambda: registry.set_services(made.token_hash, [WEB], NOW),
        lambda: registry.propose_key(made.token_hash, make_key("next")),
        lambda: registry.confirm_key(made.id, made.key),
        lambda: registry.unregister(made.token_hash, NOW),
    ):
        with refuses(registry, "revoked"):
            act()
    token = make_invite(registry)
    with refuses(registry, "key-in-use"):
        enter(registry, token, "two", key=made.key)
    assert enter(registry, token, "two").id == 1002


def test_who_unregistered_is_gone_and_can_be_brought_back(registry: Registry) -> None:
    made = joined(registry)
    registry.unregister(made.token_hash, NOW)
    assert registry.registrations() == ()
    for act in (
        lambda: registry.registration(made.id),
        lambda: registry.revoke(made.id, NOW),
    ):
        with refuses(registry, "unknown-registration"):
            act()
    for act in (
        lambda: registry.by_token(made.token_hash),
        lambda: registry.set_services(made.token_hash, [], NOW),
        lambda: registry.unregister(made.token_hash, NOW),
    ):
        with refuses(registry, "agent-unknown"):
            act()
    other = joined(registry, "two")
    assert other.id == 1002
    assert set(ports(other).values()) == {11083, 11084}
    back = enter(registry, make_invite(registry, made.id), "one")
    assert back == made


@pytest.mark.parametrize("identity", [0, -1, 1000, 1002, 2**31, 10**30])
def test_a_number_that_is_no_registration_is_refused(registry: Registry, identity: int) -> None:
    joined(registry)
    with refuses(registry, "unknown-registration"):
        registry.registration(identity)
    with refuses(registry, "unknown-registration"):
        make_invite(registry, identity)


def test_what_was_heard_of_agents_is_kept(registry: Registry) -> None:
    one, two = joined(registry, "one"), joined(registry, "two")
    before = registry.changes()
    registry.seen(
        [Sighting(two.id, NOW + 1, "1.0", "203.0.113.7"), Sighting(one.id, NOW + 2, error="a\0\nb")]
    )
    registry.seen([Sighting(two.id, NOW + 3, address="2001:db8::7"), Sighting(4711, NOW)])
    registry.seen([])
    assert registry.changes() == before
    assert registry.registrations() == (
        replace(one, seen_at=NOW + 2, last_error=r"a\x00\nb"),
        replace(two, seen_at=NOW + 3, version="1.0", address="2001:db8::7"),
    )


def test_what_an_agent_says_is_bounded_and_harmless(registry: Registry) -> None:
    made = joined(registry)
    registry.seen([Sighting(made.id, NOW, "\0" * 99, "\ud800" * 99, "\x1b[2J" * 999)])
    found = registry.registration(made.id)
    assert found.version is not None
    assert found.version.isprintable()
    assert len(found.version) == len(found.address or "") == 64
    assert len(found.last_error or "") == 500


def test_every_change_is_counted_and_no_refusal(registry: Registry) -> None:
    counts = [registry.changes()]

    def grew() -> bool:
        counts.append(registry.changes())
        return counts[-1] > counts[-2]

    token = make_invite(registry)
    assert not grew(), "neither routes nor keys depend on an invite"
    made = enter(registry, token, "one")
    assert grew()
    with pytest.raises(RefusedError):
        enter(registry, token, "two")
    assert not grew()
    registry.set_services(made.token_hash, [], NOW)
    assert grew()
    registry.revoke(made.id, NOW)
    assert grew()
