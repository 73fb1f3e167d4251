"""Whatever is in the file: a configuration or a list of problems, and nothing that ssh misreads."""

import unicodedata
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import tomli_w
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from ground2cloud.config.load import load_agent, parse_agent
from ground2cloud.config.locations import locate
from ground2cloud.config.model import AgentConfig
from ground2cloud.config.protected import PROTECTED_OPTIONS
from ground2cloud.errors import ConfigError, Problem
from ground2cloud.openssh.forward import Forward
from ground2cloud.openssh.program import SshProgram
from ground2cloud.openssh.render import Places, known_hosts_line, lane_config
from tests.unit.config.writing import HOME, document, host_key

FUZZ = settings(
    max_examples=150,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
VALID = tomli_w.dumps(document())

# What tempts a parser, a shell, a terminal or ssh.
NASTY = st.sampled_from(
    ["\n", "\r\n", "\0", "\x1b[31m", "\x7f", "\x9b", "\u2028", "%h", "${HOME}", "-oProxyCommand=x",
     '"', "\\", "#", " ", "~", "é", "\N{SNOWMAN}", "none", "localhost", "a", "1", "::1", host_key()]
)  # fmt: skip
TEXT = st.text(max_size=30) | st.lists(NASTY, max_size=4).map("".join)
SCALAR = (
    TEXT
    | st.integers()
    | st.floats()
    | st.booleans()
    | st.datetimes()
    | st.dates()
    | st.times()
    | st.sampled_from([0, 1, 22, 65535, 65536, 2**63, 10**400])
)
WORDS = st.sampled_from(
    ["gateway", "service", "ssh", "options", "backoff", "log", "paths", "api", "host", "port",
     "name", "kind", "user", "host_key", "known_hosts", "identity_file", "remote_port", "jump",
     "initial", "maximum", "listen", "run", "state", "file", "program", "ProxyCommand", "MACs"]
)  # fmt: skip
KEY = WORDS | TEXT
VALUE = st.recursive(
    SCALAR,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEY, inner, max_size=5),
    max_leaves=10,
)


def strings(node: object) -> Iterator[str]:
    """Yield every string in a configuration, keys of tables as well."""
    if isinstance(node, str):
        yield node
    elif isinstance(node, dict):
        yield from node
        yield from strings(list(node.values()))
    elif isinstance(node, list | tuple):
        for item in node:
            yield from strings(item)


def attempt(load: Callable[[], AgentConfig]) -> tuple[AgentConfig | None, tuple[Problem, ...]]:
    """Load something; nothing but a `ConfigError` is caught."""
    try:
        return load(), ()
    except ConfigError as error:
        return None, error.problems


def check(text: str) -> AgentConfig | None:
    """Load a text; make sure of what comes out, problems or a configuration."""
    config, problems = attempt(lambda: parse_agent(text, file="agent.toml", directory=HOME))
    for problem in problems:
        assert str(problem).isprintable(), repr(problem)
        assert len(str(problem)) < 500, problem
    if config is None:
        assert problems
        return None
    for found in strings(msgspec.to_builtins(config)):
        assert not any(unicodedata.category(c) in {"Cc", "Cs", "Zl", "Zp"} for c in found)
    assert not {word.lower() for word in config.ssh.options} & PROTECTED_OPTIONS
    return config


def rendered(config: AgentConfig) -> str:
    """Write the ssh_config of a lane: what was taken must have a form there."""
    found = locate(config, HOME / "agent.toml", {})
    files = Places(found.run / "c", found.identity_file, (found.run / "known_hosts",))
    first = config.service[0]
    forward = Forward(first.name, first.remote_bind, first.remote_port, first.host, first.port)
    ssh = SshProgram(str(HOME / "ssh"), (9, 2), "OpenSSH_9.2p1")
    assert known_hosts_line(config.gateway) or config.gateway.known_hosts
    return lane_config(config.gateway, config.ssh, [forward], files, ssh, aes=True)


@FUZZ
@given(st.binary(max_size=300))
@example(b"\xef\xbb\xbf")
@example(b"\xff\xfe[\0")
def test_arbitrary_bytes_never_raise_anything_else(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "agent.toml"
    for tried in (content, VALID.encode() + content):
        file.write_bytes(tried)
        config, problems = attempt(lambda: load_agent(file))
        assert (config is None) == bool(problems)


@FUZZ
@given(st.text(max_size=200))
def test_arbitrary_text_never_raises_anything_else(text: str) -> None:
    check(text)
    check(VALID + text)


@FUZZ
@given(st.dictionaries(KEY, VALUE, max_size=6))
def test_arbitrary_documents_never_raise_anything_else(made: dict[str, object]) -> None:
    check(tomli_w.dumps(_writable(made)))


@FUZZ
@given(st.data())
def test_mutated_valid_documents_never_raise_anything_else(data: st.DataObject) -> None:
    """One to three values of a valid file are replaced, removed or joined by another key."""
    made = document()
    for _ in range(data.draw(st.integers(1, 3))):
        node: object = made
        while isinstance(node, dict | list):
            keys = list(node) if isinstance(node, dict) else list(range(len(node)))
            if not keys or data.draw(st.booleans()):
                break
            key = data.draw(st.sampled_from(keys))
            inner = node[key]
            if not isinstance(inner, dict | list):
                node[key] = data.draw(VALUE)
                break
            node = inner
        if isinstance(node, dict):
            node[data.draw(KEY)] = data.draw(VALUE)
    check(tomli_w.dumps(_writable(made)))


@FUZZ
@example(("gateway", "identity_file"), "A:")  # on Windows neither relative nor absolute
@example(("paths", "run"), "A:run")
@given(
    st.sampled_from(
        [
            ("gateway", "host"),
            ("gateway", "user"),
            ("gateway", "identity_file"),
            ("gateway", "host_key"),
            ("paths", "run"),
            ("ssh", "program"),
            ("ssh", "ciphers"),
            ("ssh", "jump"),
        ]
    ),
    st.text(max_size=60) | st.lists(NASTY, min_size=1, max_size=6).map("".join),
)
def test_a_text_in_any_place_that_reaches_ssh_is_refused_or_harmless(
    place: tuple[str, str], text: str
) -> None:
    """And what is taken can be written in an ssh_config."""
    table, key = place
    made = document()
    made[table][key] = text
    if key == "jump":
        made["gateway"]["known_hosts"] = "known_hosts"
        del made["gateway"]["host_key"]
    config = check(tomli_w.dumps(made))
    if config is None:
        return
    assert text
    assert rendered(config)
    assert not text.startswith("-") or key == "ciphers"
    if key in {"host", "user", "jump", "ciphers"}:
        assert not set(text) & set(" '\"`;&<>|(){}$%")


@FUZZ
@given(
    st.sets(
        st.sampled_from(
            [
                ("gateway", "host", "a b"),
                ("gateway", "ssh_port", 0),
                ("gateway", "user", "-x"),
                ("gateway", "host_key", "no key"),
                ("gateway", "identity_file", ""),
                ("gateway", "colour", "blue"),
                ("ssh", "session", "x"),
                ("ssh", "program", "a/b"),
                ("ssh", "server_alive_interval", 1.5),
                ("ssh", "jump", "a b"),
                ("backoff", "initial", 60),
                ("backoff", "reset_after", "x"),
                ("log", "keep", 0),
                ("log", "level", "loud"),
                ("paths", "state", "a\nb"),
                ("paths", "run", 5),
                ("api", "listen", "0.0.0.0:1"),
            ]
        )
    )
)
def test_every_planted_error_is_told_at_once(planted: set[tuple[str, str, object]]) -> None:
    made = document()
    for table, key, value in planted:
        made[table][key] = value
    text = tomli_w.dumps(made)
    _, problems = attempt(lambda: parse_agent(text, file="agent.toml", directory=HOME))
    found = {problem.where for problem in problems}
    assert found == {f"{table}.{key}" for table, key, _ in planted}


def _writable(node: object) -> dict[str, object]:
    """Make lone surrogates, which tomli-w can't encode, into something else."""

    def clean(inner: object) -> object:
        match inner:
            case str():
                return inner.encode("utf-8", "replace").decode()
            case dict():
                return {str(clean(key)): clean(value) for key, value in inner.items()}
            case list():
                return [clean(value) for value in inner]
            case _:
                return inner

    made = clean(node)
    assert isinstance(made, dict)
    return made
