"""Nothing that could break out of a map's line or a word of the configuration is accepted."""

from dataclasses import replace
from pathlib import Path

import pytest

from ground2cloud.config.model import Kind
from ground2cloud.haproxy import maps
from ground2cloud.haproxy.render import render
from ground2cloud.haproxy.routes import (
    Backend,
    Endpoint,
    Key,
    PlainPorts,
    RouterSettings,
    Timeouts,
    Tls,
    pool,
    pools,
)

HASH = "AB" * 32
SLOTS = ("127.0.0.1", "127.0.0.2", "127.0.0.3", "127.0.0.4")
DB = Backend(1001, "db", Kind.POSTGRESQL, 11081, SLOTS[:1])


@pytest.mark.parametrize("service", ["", "A", "a b", "a\nb", "a/b", "a|b", "-a", "a\n", "a" * 64])
def test_a_service_has_a_plain_name(service: str) -> None:
    with pytest.raises(ValueError, match="no name"):
        Backend(1001, service, Kind.HTTP, 1, ())


@pytest.mark.parametrize("key_hash", ["", HASH.lower(), HASH + "\n", HASH[:-1], "G" * 64])
def test_a_key_is_a_hash(key_hash: str) -> None:
    with pytest.raises(ValueError, match="SHA-256"):
        Key(key_hash, 1, ())


@pytest.mark.parametrize("networks", [("10.0.0.1/8",), ("x",), ("10.0.0.0/8\n",), ("::/0",) * 33])
def test_a_network_is_exact(networks: tuple[str, ...]) -> None:
    with pytest.raises(ValueError, match=r"network|host bits"):
        Key(HASH, 1, (), networks)


@pytest.mark.parametrize(
    "wrong",
    [
        {"runtime_socket": Path("relative")},
        {"runtime_socket": Path("/it's")},
        {"runtime_socket": Path("/a\nb")},
        {"runtime_socket": Path("/" + "x" * 90)},
        {"domain": "Example.com"},
        {"domain": 'a"b'},
        {"domain": "a..b"},
        {"slots": ()},
        {"slots": ("127.0.0.1",) * 2},
        {"slots": tuple(f"127.0.0.{n}" for n in range(1, 8))},
        {"threads": 0},
        {"access_log": "/dev/log\nx"},
    ],
)
def test_settings_that_can_not_be_written_are_refused(wrong: dict[str, object]) -> None:
    values: dict[str, object] = {"runtime_socket": Path("/run/g2c/router.sock"), **wrong}
    with pytest.raises(ValueError, match=r"."):
        RouterSettings(**values)  # type: ignore[arg-type] - wrong on purpose


def test_ports_for_nothing_are_refused() -> None:
    with pytest.raises(ValueError, match="neither"):
        Tls(listen=(Endpoint("0.0.0.0", 443),))
    with pytest.raises(ValueError, match="not on"):
        PlainPorts(addresses=("0.0.0.0",), networks=("10.0.0.0/8",))
    with pytest.raises(ValueError, match="out of range"):
        Timeouts(connect=0)


def test_there_is_a_pool_for_every_set_of_slots() -> None:
    names = [name for name, _ in pools(SLOTS)]
    assert len(names) == len(set(names)) == 15
    assert pool(("127.0.0.3", "127.0.0.1"), SLOTS) == "1_3"
    assert pool((), SLOTS) == ""
    with pytest.raises(ValueError, match="not in tuple"):
        pool(("127.0.0.9",), SLOTS)


def test_the_maps_say_what_was_given() -> None:
    web = Backend(1001, "web", Kind.HTTP, 11082, ())
    opens = Key(HASH, 7, ((1001, "db"), (1002, None)), ("10.0.0.0/8", "2001:DB8::/32"), 5, 9, 1.2)
    found = maps.entries(SLOTS, [DB, web], [opens])
    assert found[maps.NAMES] == {
        "1001": "1001/db",
        "db-1001": "1001/db",
        "1001/db": "1001/db",
        "web-1001": "1001/web",
        "1001/web": "1001/web",
    }
    assert found[maps.ROUTES] == {"1001/db": "11081|postgresql|1", "1001/web": "11082|http|"}
    assert found[maps.KEYS] == {HASH: "7|2|9|5|10.0.0.0/8,2001:db8::/32"}
    assert found[maps.GRANTS] == {f"{HASH}/1001/db": "1", f"{HASH}/1002": "1"}
    assert found[maps.PLAIN] == {"11081": "1001/db", "11082": "1001/web"}


def test_a_port_belongs_to_one_route() -> None:
    other = Backend(1002, "db", Kind.POSTGRESQL, DB.port, ())
    with pytest.raises(ValueError, match="twice: 11081"):
        maps.entries(SLOTS, [DB, other], [])


def test_no_key_is_in_any_file_but_its_hash() -> None:
    settings = RouterSettings(runtime_socket=Path("/run/g2c/router.sock"))
    files = render(settings, [DB], [Key(HASH, 7, ((1001, None),))])
    assert set(files) == {*maps.MAPS, "haproxy.cfg", "connect.lua"}
    assert HASH not in files["haproxy.cfg"]
    assert "1001/db" not in files["haproxy.cfg"].replace("1001/service", "")


def test_of_a_key_without_limits_the_map_says_the_element_alone() -> None:
    """The router asks nothing more of it."""
    key = Key(HASH, 7, ((1001, None),))
    assert maps.key_value(key) == "7"
    assert maps.element("7") == maps.element(maps.key_value(replace(key, rate=1))) == 7
    for limit in ({"rate": 1}, {"connections": 1}, {"expires_at": 1.0}, {"networks": ("::/0",)}):
        assert maps.key_value(replace(key, **limit)).startswith("7|")  # type: ignore[arg-type] # the fields of the test
