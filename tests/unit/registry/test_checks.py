"""What may be written into the registry, and what an attacker would like to."""

import base64
from typing import get_type_hints

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ground2cloud.config.model import MOST_SERVICES, Kind, Service
from ground2cloud.registry import checks
from ground2cloud.registry.errors import RefusedError
from ground2cloud.registry.records import Grant
from ground2cloud.registry.tokens import digest, new_token

KEY = "ssh-ed25519 " + base64.b64encode(b"\0\0\0\x0bssh-ed25519\0\0\0 " + bytes(range(32))).decode()


@given(st.binary(min_size=32, max_size=32))
def test_every_ed25519_key_is_taken(raw: bytes) -> None:
    key = base64.b64encode(b"\0\0\0\x0bssh-ed25519\0\0\0 " + raw).decode()
    assert checks.check_key(f"ssh-ed25519 {key}") == f"ssh-ed25519 {key}"


@pytest.mark.parametrize(
    "key",
    [
        "",
        f"{KEY} comment",
        f"{KEY}\n",
        f"{KEY}\nssh-ed25519 {'A' * 68}",
        f'command="sh" {KEY}',
        f"# {KEY}",
        KEY.replace(" ", "  "),
        KEY[:-1],
        f"{KEY}A",
        KEY.replace("AAAAI", "AAAAJ"),
        "ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAAAgQC7",
        "ssh-ed25519-cert-v01@openssh.com AAAA",
    ],
)
def test_nothing_else_is_taken_as_a_key(key: str) -> None:
    with pytest.raises(RefusedError) as caught:
        checks.check_key(key)
    assert caught.value.reason == "bad-key"


def test_a_service_may_be_called_what_the_configuration_allows() -> None:
    hints = get_type_hints(Service, include_extras=True)
    (meta,) = hints["name"].__metadata__
    assert meta.pattern == f"^{checks._SERVICE_NAME.pattern}$"


@pytest.mark.parametrize("name", ["", "A", "a b", "a\n", "-a", "a" * 64, "a/b", "ä"])
def test_other_names_of_services_are_refused(name: str) -> None:
    with pytest.raises(RefusedError, match="63 lower-case"):
        checks.check_services([(name, Kind.TCP)], ())


def test_services_are_bounded_distinct_and_allowed() -> None:
    many = [(f"s{number}", Kind.TCP) for number in range(MOST_SERVICES + 1)]
    assert list(checks.check_services(many[1:], ())) == [name for name, _ in many[1:]]
    for wanted, allowed, reason in (
        (many, (), "too-many-services"),
        ([many[0], many[0]], (), "bad-service"),
        (many[:2], ("s0",), "service-not-allowed"),
    ):
        with pytest.raises(RefusedError) as caught:
            checks.check_services(wanted, allowed)
        assert caught.value.reason == reason


@pytest.mark.parametrize("name", ["", " ", "a\n b", "a\x1b[2J", "a\u202eb", "a\0", "x" * 65])
def test_a_name_is_short_and_can_be_shown(name: str) -> None:
    with pytest.raises(RefusedError) as caught:
        checks.check_name(name)
    assert caught.value.reason == "bad-name"


def test_a_name_may_be_anything_people_write() -> None:
    assert checks.check_name(" Büro 1. Stock (links) ") == "Büro 1. Stock (links)"


def test_networks_are_written_as_a_router_reads_them() -> None:
    found = checks.check_networks(["10.0.0.0/8", "203.0.113.7", "2001:DB8::/32", "203.0.113.7/32"])
    assert found == ("10.0.0.0/8", "203.0.113.7/32", "2001:db8::/32")


@pytest.mark.parametrize(
    "network", ["", "10.0.0.1/8", "10.0.0.0/33", "all", "fe80::1%eth0", "10.0.0.0/8\n", "a" * 10**5]
)
def test_what_is_no_network_is_refused_in_a_short_line(network: str) -> None:
    with pytest.raises(RefusedError) as caught:
        checks.check_networks([network])
    assert caught.value.reason == "bad-network"
    assert len(caught.value.message) < 400
    assert caught.value.message.isprintable()


@pytest.mark.parametrize("number", [0, -1, 10**6 + 1])
def test_a_limit_is_a_number_that_can_be_one(number: int) -> None:
    with pytest.raises(RefusedError):
        checks.check_limit(number, "connections")
    assert checks.check_limit(None, "connections") is None
    assert checks.check_limit(1, "connections") == 1


def test_an_element_has_some_grants_and_not_too_many() -> None:
    assert checks.check_grants([Grant(1001), Grant(1001)]) == (Grant(1001),)
    for grants in ([], [Grant(number) for number in range(checks.GRANTS + 1)]):
        with pytest.raises(RefusedError):
            checks.check_grants(grants)


@pytest.mark.parametrize("seconds", [float("inf"), float("nan")])
def test_a_time_is_a_number(seconds: float) -> None:
    with pytest.raises(RefusedError):
        checks.check_time(seconds)


@given(st.text(max_size=300))
def test_what_an_agent_says_is_short_and_can_be_shown(text: str) -> None:
    said = checks.clip(text, 64)
    assert said is not None
    assert len(said) <= 64
    assert said.isprintable()


def test_a_secret_is_long_and_its_hash_is_as_haproxy_writes_it() -> None:
    assert len(new_token()) == 43
    assert new_token() != new_token()
    # printf abc | sha256sum
    assert digest("abc") == "BA7816BF8F01CFEA414140DE5DAE2223B00361A396177A9CB410FF61F20015AD"
    assert checks.check_digest(digest("abc")) == digest("abc")
    for wrong in ("", digest("abc").lower(), digest("abc") + "\n"):
        with pytest.raises(ValueError, match="SHA-256"):
            checks.check_digest(wrong)
