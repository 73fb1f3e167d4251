"""The command line on a configuration of its own."""

from pathlib import Path

import pytest

from tests.lab.command import Command


@pytest.fixture
def command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Command:
    """The command line with a good configuration, and no agent."""
    command = Command(tmp_path, capsys)
    command.write()
    return command
