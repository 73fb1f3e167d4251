"""From `agent.toml` or `gateway.toml` to a checked, frozen configuration, or to all its faults."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

import msgspec

from ground2cloud.config import gateway_rules, rules, source
from ground2cloud.config.gateway_model import GatewayConfig
from ground2cloud.config.model import AgentConfig, Section
from ground2cloud.config.walk import Finding, Table, Walk
from ground2cloud.config.words import control_character
from ground2cloud.errors import ConfigError, Problem

PROBLEM_LIMIT = 100
"""Problems told; of more, only how many there are."""

_S = TypeVar("_S", bound=Section)


def load_agent(path: Path) -> AgentConfig:
    """Read, parse and check a configuration file.

    Raises:
        ConfigError: the file can't be used; it has all problems of the file.
    """
    text = source.read(path)
    return parse_agent(text, file=source.display_name(path), directory=path.absolute().parent)


def parse_agent(text: str, *, file: str, directory: Path) -> AgentConfig:
    """Parse and check the text of a configuration file.

    Args:
        text: the TOML document.
        file: the file's name in problems.
        directory: where the file is; relative paths of the file reach ssh with it in front.

    Raises:
        ConfigError: the text can't be used; it has all problems of the text.
    """
    return _parse(text, AgentConfig, rules.find, file, directory)


def load_gateway(path: Path) -> GatewayConfig:
    """Read, parse and check a gateway's configuration file.

    Raises:
        ConfigError: the file can't be used; it has all problems of the file.
    """
    text = source.read(path, init="ground2cloud gateway init")
    return parse_gateway(text, file=source.display_name(path), directory=path.absolute().parent)


def parse_gateway(text: str, *, file: str, directory: Path) -> GatewayConfig:
    """Parse and check the text of a gateway's configuration file, as `parse_agent` does.

    Raises:
        ConfigError: the text can't be used; it has all problems of the text.
    """
    return _parse(text, GatewayConfig, gateway_rules.find, file, directory)


def _parse(
    text: str,
    model: type[_S],
    find: Callable[[Table], Iterator[Finding]],
    file: str,
    directory: Path,
) -> _S:
    raw = source.parse(text, file)
    walk = Walk()
    root = walk.table(model, raw)
    findings = [*walk.findings, *find(root), *_faults_of_directory(directory)]
    if findings:
        raise ConfigError(tuple(_problems(file, findings)))
    return msgspec.convert(raw, model)


def _faults_of_directory(directory: Path) -> list[Finding]:
    if control := control_character(str(directory)):
        return [("", f"the name of the file's directory must not have {control}")]
    if "${" in str(directory):
        return [("", "the name of the file's directory must not have ${: ssh would expand it")]
    return []


def _problems(file: str, findings: list[Finding]) -> list[Problem]:
    problems = [Problem(file, where, message) for where, message in findings[:PROBLEM_LIMIT]]
    if len(findings) > PROBLEM_LIMIT:
        problems.append(Problem(file, "", f"and {len(findings) - PROBLEM_LIMIT} more problems"))
    return problems
