"""Each value by itself: its type, its range, its choice, its form; and keys there are not."""

import datetime as dt

import pytest

from tests.unit.config.writing import changed, problems

NEEDED = "give host_key or known_hosts; a host is never trusted on first sight"
WRONG = [
    # Types, in the words of TOML.
    ("gateway.host", 1, "expected a string, got an integer"),
    ("gateway.host", ["a"], "expected a string, got an array"),
    ("gateway.identity_file", dt.date(2026, 1, 1), "expected a string, got a date"),
    ("gateway.ssh_port", "22", "expected an integer, got a string"),
    ("gateway.ssh_port", 22.0, "expected an integer, got a float"),
    ("gateway.ssh_port", True, "expected an integer, got a boolean"),
    ("backoff.initial", "fast", "expected a number, got a string"),
    ("backoff.initial", dt.time(1, 2), "expected a number, got a time"),
    ("ssh.compression", "yes", "expected a boolean, got a string"),
    ("ssh.session", 1, "expected one of auto, held, none, got an integer"),
    ("ssh.options.MACs", 1.5, "expected a string or an integer or a boolean, got a float"),
    ("ssh.options.MACs", {"a": 1}, "expected a string or an integer or a boolean, got a table"),
    ("ssh.options", "AddressFamily inet", "expected a table, got a string"),
    ("gateway", "g2c.example.com", "expected a table, got a string"),
    ("log", [{"level": "info"}], "expected a table, got an array"),
    ("service", {"name": "a"}, "expected an array of tables ([[service]]), got a table"),
    ("service", [1], None),
    # Ranges.
    ("gateway.ssh_port", 0, "expected 1..65535, got 0"),
    ("service.1.port", 70000, "expected 1..65535, got 70000"),
    ("service.1.remote_port", -1, "expected 1..65535, got -1"),
    ("service.1.remote_port", 10**30, "expected 1..65535, got a huge integer"),
    ("backoff.initial", 0, "expected 0.01..3600, got 0"),
    ("backoff.maximum", float("nan"), "expected 0.01..3600, got nan"),
    ("backoff.maximum", float("inf"), "expected 0.01..3600, got inf"),
    ("backoff.reset_after", -0.5, "expected 0..86400, got -0.5"),
    ("ssh.server_alive_interval", 0, "expected 1..3600, got 0"),
    ("ssh.options.NumberOfPasswordPrompts", -1, "expected 0..2147483647, got -1"),
    ("log.max_size", 1, "expected 10000..1000000000000, got 1"),
    # Choices.
    (
        "service.1.kind",
        "htpp",
        'expected one of http, postgresql, mysql, sqlserver, tcp, got "htpp"',
    ),
    ("log.format", "xml", 'expected one of json, text, got "xml"'),
    # Lengths.
    ("gateway.host", "", "must not be empty"),
    ("paths.run", "", "must not be empty"),
    ("ssh.options.MACs", "", "must not be empty"),
    ("gateway.host", "a" * 254, "expected at most 253 characters, got 254"),
    ("log.file", "a" * 5000, "expected at most 4096 characters, got 5000"),
    # Forms, in words.
    (
        "service.1.name",
        "Quick Books",
        'expected up to 63 lower-case letters, digits, - and _, got "Quick Books"',
    ),
    (
        "ssh.ciphers",
        "aes128-ctr, aes2",
        'expected names of ciphers with commas between them and no spaces, got "aes128-ctr, aes2"',
    ),
    (
        "api.listen",
        "0.0.0.0:3015",
        'expected 127.0.0.1:PORT, localhost:PORT or [::1]:PORT, got "0.0.0.0:3015"',
    ),
]


@pytest.mark.parametrize(("key", "value", "message"), WRONG)
def test_a_wrong_value_is_named_with_what_is_allowed(
    key: str, value: object, message: str | None
) -> None:
    place = key.replace("service.1", "service[1]")
    if message is None:
        place, message = "service[0]", "expected a table, got an integer"
    found = problems(changed({key: value}))
    assert f"agent.toml: {place}: {message}" in found
    assert len([line for line in found if line.startswith(f"agent.toml: {place}:")]) == 1


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("gateway.hots", "x", "unknown key; did you mean host?"),
        ("gateway.Host_Key", "x", "unknown key; did you mean host_key?"),
        ("services", [], "unknown key; did you mean service?"),
        ("log.zzz", 1, "unknown key; expected one of file, level, format, max_size, keep"),
        ("service.0.remoteport", 1, "unknown key; did you mean remote_port?"),
    ],
)
def test_an_unknown_key_is_named_with_the_one_that_was_meant(
    key: str, value: object, message: str
) -> None:
    place = key.replace("service.0", "service[0]")
    assert problems(changed({key: value})) == [f"agent.toml: {place}: {message}"]


def test_many_unknown_keys_are_counted_in_the_end() -> None:
    found = problems(changed({f"log.zz{number}": 1 for number in range(50)}))
    assert len(found) == 21
    assert found[-1] == "agent.toml: log: 30 more unknown keys"


def test_a_key_that_needs_quotes_is_shown_with_quotes() -> None:
    made = changed({})
    made["log"] = {'a b"\n\x1b': 1}
    assert problems(made)[0].startswith(r'agent.toml: log."a b\"\n\x1b": unknown key')


def test_missing_keys_and_tables_are_named() -> None:
    assert problems("[gateway]") == [
        "agent.toml: gateway.host: required, but missing",
        f"agent.toml: gateway.host_key: {NEEDED}",
    ]
    found = problems(changed({"gateway.host": None, "service.0.port": None}))
    assert found == [
        "agent.toml: gateway.host: required, but missing",
        "agent.toml: service[0].port: required, but missing",
    ]


def test_a_long_value_is_shortened_and_an_odd_one_escaped() -> None:
    found = problems(changed({"log.level": "\N{RIGHT-TO-LEFT OVERRIDE}" + "x" * 3000}))
    assert len(found) == 1
    assert '"\\u202e' + "x" * 39 + '…" (3001 characters)' in found[0]


@pytest.mark.parametrize(
    ("character", "name"),
    [
        ("\n", "a line break"),
        ("\r", "a carriage return"),
        ("\t", "a tab"),
        ("\0", "a NUL"),
        ("\x1b", "U+001B"),
        ("\x7f", "U+007F"),
        ("\x85", "U+0085"),
        ("\u2028", "U+2028"),
        ("\u2029", "U+2029"),
    ],
)
@pytest.mark.parametrize(
    "key",
    [
        "gateway.host",
        "gateway.user",
        "gateway.host_key",
        "gateway.identity_file",
        "service.1.name",
        "service.1.kind",
        "service.1.host",
        "service.1.remote_bind",
        "ssh.program",
        "ssh.ciphers",
        "ssh.jump",
        "ssh.options.ProxyCommand",
        "log.file",
        "paths.state",
        "paths.run",
        "api.listen",
    ],
)
def test_no_text_may_have_a_control_character(key: str, character: str, name: str) -> None:
    found = problems(changed({key: f"ab{character}ProxyCommand evil"}))
    place = key.replace("service.1", "service[1]")
    assert found == [
        f"agent.toml: {place}: control characters are not allowed, got {name} at character 3"
    ]


def test_a_lone_surrogate_is_refused_though_toml_can_not_write_one() -> None:
    text = '[gateway]\nhost = "a"\nknown_hosts = "\udcff"\n'
    (found,) = problems(text)
    assert found.endswith("control characters are not allowed, got U+DCFF at character 1")


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("gateway.host", "127.0.0.1"),
        ("gateway.host", "fe80::1"),
        ("gateway.host", "::1"),
        ("gateway.host", "my_host.example.com."),
        ("gateway.host", "a"),
        ("gateway.user", "DOMAIN\\user"),
        ("gateway.user", "user@example.com"),
        ("gateway.user", "J\N{LATIN SMALL LETTER U WITH DIAERESIS}rgen"),
        ("gateway.identity_file", '/a b/"c" #1/50 %/\N{SNOWMAN}'),
        ("gateway.identity_file", "C:\\keys\\id"),
        ("service.1.remote_bind", "0.0.0.0"),
        ("service.1.remote_bind", "::"),
        ("service.1.remote_bind", "localhost"),
        ("ssh.ciphers", "^aes128-gcm@openssh.com"),
        ("ssh.ciphers", "-*cbc"),
        ("ssh.options.IPQoS", "lowdelay throughput"),
        ("ssh.options.TCPKeepAlive", False),
        ("ssh.options.RequiredRSASize", 3072),
        ("ssh.options.ProxyCommand", "nc -X connect -x proxy:3128 %h %p"),
        ("backoff.maximum", 60),
        ("api.listen", "[::1]:0"),
        ("api.listen", "localhost:65535"),
    ],
)
def test_a_right_value_is_taken(key: str, value: object) -> None:
    assert problems(changed({key: value})) == []


@pytest.mark.parametrize(
    "value",
    [
        "-oProxyCommand=x",
        "a b",
        "a'b",
        "a`id`",
        "$(id)",
        "a;b",
        "a|b",
        "a\\",
        "\\a",
        "%u",
        "${HOME}",
    ],
)
def test_a_user_that_ssh_or_a_shell_would_read_otherwise_is_refused(value: str) -> None:
    (found,) = problems(changed({"gateway.user": value}))
    assert "gateway.user: expected an account's name without" in found


@pytest.mark.parametrize("key", ["gateway.host", "service.1.host", "service.1.remote_bind"])
@pytest.mark.parametrize(
    "value",
    [
        "-v",
        "a b",
        "a;b",
        "[::1]",
        "a/b",
        "user@host",
        "host:22",
        "1.2.3.300",
        "1.2.3",
        ":::",
        "%h",
        "*",
    ],
)
def test_a_host_that_is_neither_name_nor_address_is_refused(key: str, value: str) -> None:
    (found,) = problems(changed({key: value}))
    assert found.startswith(f"agent.toml: {key.replace('service.1', 'service[1]')}: expected ")
    assert "address" in found
