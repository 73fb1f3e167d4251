"""Values as text of ssh_config. What ssh reads back is tested with the real one, in tests/e2e."""

from pathlib import PurePosixPath, PureWindowsPath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ground2cloud.openssh import quoting


@pytest.mark.parametrize("bad", ["\n", "\r", "\t", "\0", "\x1b", "\x7f", "\x85", "\ud800"])
@pytest.mark.parametrize("form", ["{}", "a{}", "a{}b"])
def test_control_characters_are_refused(bad: str, form: str) -> None:
    value = form.format(bad)
    with pytest.raises(ValueError, match="control character"):
        quoting.plain(value)
    with pytest.raises(ValueError, match="control character"):
        quoting.quote(value)
    with pytest.raises(ValueError, match="control character"):
        quoting.path(PurePosixPath("/" + value))


@given(value=st.text(min_size=1))
def test_a_quoted_value_never_leaves_its_line(value: str) -> None:
    try:
        quoted = quoting.quote(value)
    except ValueError:
        return
    assert "\n" not in quoted
    assert "\r" not in quoted
    assert quoted[0] == quoted[-1] == '"'


def test_quotes_and_backslashes_are_escaped() -> None:
    assert quoting.quote('a"b') == r'"a\"b"'
    assert quoting.quote("a\\") == r'"a\\"'
    assert quoting.quote("a # b") == '"a # b"'


def test_an_older_ssh_has_no_escapes() -> None:
    assert quoting.quote("a\\b", escapes=False) == r'"a\b"'
    with pytest.raises(ValueError, match=r"8\.7"):
        quoting.quote('a"b', escapes=False)


def test_an_empty_value_is_refused() -> None:
    with pytest.raises(ValueError, match="empty"):
        quoting.quote("")


def test_percent_signs_are_doubled_where_they_mean_something() -> None:
    path = PurePosixPath("/100%/%h")
    assert quoting.path(path) == "/100%%/%%h"
    assert quoting.path(path, expands=False) == "/100%/%h"


def test_paths_of_windows_get_slashes() -> None:
    path = PureWindowsPath(r"C:\Program Data\key")
    assert quoting.path(path) == "C:/Program Data/key"


@pytest.mark.parametrize("path", ["relative", "~/key", "./key"])
def test_relative_paths_are_refused(path: str) -> None:
    with pytest.raises(ValueError, match="absolute"):
        quoting.path(PurePosixPath(path))


def test_what_ssh_would_take_for_a_variable_is_refused() -> None:
    with pytest.raises(ValueError, match="environment variable"):
        quoting.path(PurePosixPath("/a/${HOME}"))
    assert quoting.path(PurePosixPath("/a/$HOME$")) == "/a/$HOME$"


@pytest.mark.parametrize(
    "host",
    ["gw", "gw.example.com", "gw.example.com.", "my_host", "10.0.0.1", "::1", "fe80::1%eth0"],
)
def test_hosts(host: str) -> None:
    assert quoting.host(host) == host


@pytest.mark.parametrize(
    "host",
    ["", "-oProxyCommand=x", "a b", "a;b", "a'b", "[::1]", "a:b", "x" * 300, "bücher", "::1%a b"],
)
def test_what_is_no_host(host: str) -> None:
    with pytest.raises(ValueError, match="neither a host name nor an address"):
        quoting.host(host)


@pytest.mark.parametrize("user", ["carol", "DOMAIN\\carol", "carol@example.com", "carol smith"])
def test_users(user: str) -> None:
    assert quoting.user(user) == user


@pytest.mark.parametrize("user", ["", "-l", "a%h", "${USER}", "a\nb"])
def test_what_is_no_user(user: str) -> None:
    with pytest.raises(ValueError, match=r"account name|control character"):
        quoting.user(user)
