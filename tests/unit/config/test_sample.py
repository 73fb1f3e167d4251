"""The sample file can't drift from the model, and is valid but for what only the user knows."""

import tomllib
import typing

import msgspec
import pytest
from msgspec import structs

from ground2cloud.config.load import parse_agent
from ground2cloud.config.model import AgentConfig, Section
from ground2cloud.config.sample import sample
from ground2cloud.errors import ConfigError
from tests.unit.config.writing import HOME, host_key


def tables() -> list[tuple[str, type[Section]]]:
    return [
        (item.name, item.type if isinstance(item.type, type) else typing.get_args(item.type)[0])
        for item in structs.fields(AgentConfig)
    ]


def text_of(table: str) -> str:
    """Answer with the lines of one table of the sample."""
    for header in (f"\n[{table}]\n", f"\n[[{table}]]\n"):
        if header in sample():
            return sample().partition(header)[2].partition("\n[")[0]
    raise AssertionError(f"no table {table}")


def filled_in() -> str:
    return sample().replace("ssh-ed25519 AAAA…", host_key())


@pytest.mark.parametrize(("table", "model"), tables())
def test_every_key_of_the_model_is_in_it(table: str, model: type[Section]) -> None:
    lines = text_of(table).splitlines()
    for item in structs.fields(model):
        ways = (f"{item.name} = ", f"#{item.name} = ", f"#[{table}.{item.name}]")
        assert [line for line in lines if line.startswith(ways)], item.name


@pytest.mark.parametrize(("table", "model"), tables())
def test_every_default_that_is_shown_is_the_default(table: str, model: type[Section]) -> None:
    shown = tomllib.loads(
        "\n".join(
            line[1:]
            for line in text_of(table).splitlines()
            if line.startswith("#") and line[1:2].islower() and " = " in line
        )
    )
    for item in structs.fields(model):
        if item.name in shown and item.default not in (None, msgspec.NODEFAULT):
            assert shown[item.name] == item.default


def test_it_is_valid_once_the_host_key_is_filled_in() -> None:
    config = parse_agent(filled_in(), file="agent.toml", directory=HOME)
    assert config.gateway.host == "g2c.example.com"
    assert [service.name for service in config.service] == ["quickbooks"]
    defaults = structs.fields(AgentConfig)[2:]
    assert all(getattr(config, item.name) == item.default for item in defaults)


def test_as_it_is_it_says_what_is_missing() -> None:
    with pytest.raises(ConfigError) as caught:
        parse_agent(sample(), file="agent.toml", directory=HOME)
    assert [problem.where for problem in caught.value.problems] == ["gateway.host_key"]


def test_every_commented_key_may_be_set_by_taking_the_sign_away() -> None:
    """All of them at once, but for the way through a jump host, which needs known_hosts."""
    lines = [
        line[1:]
        if line.startswith("#") and not line.startswith(("# ", "#known_hosts", "#jump"))
        else line
        for line in filled_in().splitlines()
    ]
    config = parse_agent("\n".join(lines), file="agent.toml", directory=HOME)
    assert config.ssh.options == {"AddressFamily": "inet"}
    assert config.paths.run == "run"
    assert config.ssh.ciphers is not None


def test_known_hosts_and_a_jump_host_may_be_set_instead_of_the_key() -> None:
    text = "\n".join(
        line.removeprefix("#") if line.startswith(("#known_hosts", "#jump")) else line
        for line in sample().splitlines()
        if not line.startswith("host_key")
    )
    config = parse_agent(text, file="agent.toml", directory=HOME)
    assert config.gateway.known_hosts == "known_hosts"
    assert config.ssh.jump == "ground2cloud@jump.example.com:22"


def test_it_fits_a_screen_and_ends_with_a_line_end() -> None:
    assert max(map(len, sample().splitlines())) <= 100
    assert sample().endswith("\n")
