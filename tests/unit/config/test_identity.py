"""The identity's file: what goes in comes out, and nothing that breaks a rule is used."""

import tomllib
from pathlib import Path
from typing import Any

import msgspec
import pytest
import tomli_w
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from ground2cloud.config.identity import (
    Allotted,
    Backchannel,
    Endpoint,
    Identity,
    Joining,
    read_identity,
    read_joining,
    text_of,
)
from ground2cloud.config.model import Kind
from ground2cloud.errors import ConfigError
from tests.unit.config.writing import host_key

TOKEN = "t" * 43
GOOD = Identity(
    registration=1001,
    token=TOKEN,
    name="berlin",
    user="ground2cloud",
    host_ca=host_key(),
    host_alias="ground2cloud-gateway",
    key="id_ed25519",
    slots=("127.0.0.1", "127.0.0.2"),
    backchannel=Backchannel(
        host="g2c.example.com", port=3014, pin="ab" * 32, authority="-----BEGIN\nA\n-----END\n"
    ),
    endpoint=(Endpoint(host="g2c.example.com", port=22), Endpoint(host="2001:db8::1", port=443)),
    service=(Allotted(name="app", kind=Kind.HTTP, port=11081),),
)


def test_what_is_written_is_read_again(tmp_path: Path) -> None:
    file = tmp_path / "identity.toml"
    for identity in (GOOD, replace(GOOD, next_key="id_ed25519-2", service=())):
        file.write_text(text_of(identity), "utf-8")
        assert read_identity(file) == identity


def test_no_file_is_no_registration(tmp_path: Path) -> None:
    assert read_identity(tmp_path / "identity.toml") is None
    assert read_joining(tmp_path / "joining.toml") is None


def test_no_secret_is_shown() -> None:
    joining = Joining(join="g2c1-secret", token=TOKEN, key="id_ed25519")
    for shown in (repr(GOOD), str(GOOD), f"{GOOD}", repr(joining)):
        assert TOKEN not in shown
        assert "secret" not in shown


@pytest.mark.parametrize(
    "changes",
    [
        {"host_ca": "ssh-ed25519 AAAA\n* ssh-rsa AAAA"},
        {"host_ca": host_key() + "\n"},
        {"user": "root -oProxyCommand=x"},
        {"user": "root\n"},
        {"name": "a\x1b[31m"},
        {"host_alias": "a b"},
        {"host_alias": "a\n"},
        {"slots": ()},
        {"slots": ("0.0.0.0",)},
        {"slots": ("127.0.0.1", "127.0.0.1")},
        {"endpoint": ()},
        {"endpoint": (Endpoint(host="-x", port=22),)},
        {"endpoint": (Endpoint(host="a\n", port=22),)},
        {"endpoint": (Endpoint(host="a", port=0),)},
        {"key": "../../etc/passwd"},
        {"key": "id_rsa"},
        {"next_key": "id_ed25519"},
        {"token": "short"},
        {"registration": 0},
        {"service": (Allotted(name="-x", kind=Kind.TCP, port=1),)},
        {
            "service": (
                Allotted(name="a", kind=Kind.TCP, port=1),
                Allotted(name="b", kind=Kind.TCP, port=1),
            )
        },
    ],
)
def test_a_value_that_breaks_a_rule_is_neither_written_nor_read(
    tmp_path: Path, changes: dict[str, Any]
) -> None:
    bad = replace(GOOD, **changes)
    with pytest.raises(ValueError, match=r"."):
        text_of(bad)
    file = tmp_path / "identity.toml"
    file.write_text(tomli_w.dumps(without_none(msgspec.to_builtins(bad))))
    with pytest.raises(ConfigError):
        read_identity(file)


def without_none(made: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in made.items() if value is not None}


@given(st.binary(max_size=200), st.integers(0, 600))
def test_a_damaged_file_is_told_and_never_half_used(
    tmp_path_factory: pytest.TempPathFactory, junk: bytes, place: int
) -> None:
    file = tmp_path_factory.mktemp("identity") / "identity.toml"
    good = text_of(GOOD).encode()
    file.write_bytes(good[:place] + junk + good[place + len(junk) :])
    found = problem_of(file)
    assert found.isprintable()
    assert TOKEN not in found


def problem_of(file: Path) -> str:
    try:
        read_identity(file)
    except ConfigError as error:
        return str(error.problems[0])
    return ""


def test_a_key_or_an_endpoint_more_is_no_reason_to_replace_a_lane() -> None:
    assert GOOD.shares_lanes(replace(GOOD, key="id_ed25519-2", endpoint=GOOD.endpoint[:1]))
    assert not GOOD.shares_lanes(replace(GOOD, registration=1002))
    assert not GOOD.shares_lanes(replace(GOOD, slots=("127.0.0.2",)))
    assert not GOOD.shares_lanes(None)


def test_it_is_toml_that_a_person_can_read() -> None:
    made = tomllib.loads(text_of(GOOD))
    assert made["registration"] == 1001
    assert made["service"] == [{"name": "app", "kind": "http", "port": 11081}]
