"""From `agent.toml` to a checked, frozen configuration, or to everything that is wrong with it."""

from pathlib import Path

import msgspec

from ground2cloud.config import rules, source
from ground2cloud.config.model import AgentConfig
from ground2cloud.config.walk import Finding, Walk
from ground2cloud.config.words import control_character
from ground2cloud.errors import ConfigError, Problem

PROBLEM_LIMIT = 100
"""Problems told; of more, only how many there are."""


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
    raw = source.parse(text, file)
    walk = Walk()
    root = walk.table(AgentConfig, raw)
    findings = [*walk.findings, *rules.find(root), *_faults_of_directory(directory)]
    if findings:
        raise ConfigError(tuple(_problems(file, findings)))
    return msgspec.convert(raw, AgentConfig)


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
