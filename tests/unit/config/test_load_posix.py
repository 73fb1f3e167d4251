"""What can lie at a path on a POSIX system only."""

import os
import sys
from pathlib import Path

import pytest

from ground2cloud.config.load import load_agent
from ground2cloud.errors import ConfigError

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such files")


def refuse(path: Path) -> str:
    with pytest.raises(ConfigError) as caught:
        load_agent(path)
    return str(caught.value)


def test_a_fifo_is_refused_without_waiting_for_its_writer(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "agent.toml")
    assert refuse(tmp_path / "agent.toml") == "agent.toml: is not a regular file"


def test_a_device_without_end_is_refused() -> None:
    assert refuse(Path("/dev/zero")) == "zero: is not a regular file"


def test_a_link_to_itself_is_refused(tmp_path: Path) -> None:
    (tmp_path / "agent.toml").symlink_to("agent.toml")
    assert "agent.toml: can't be read: " in refuse(tmp_path / "agent.toml")


def test_a_link_to_nothing_is_a_missing_file(tmp_path: Path) -> None:
    (tmp_path / "agent.toml").symlink_to("gone")
    assert "agent.toml: there is no file" in refuse(tmp_path / "agent.toml")


def test_a_file_name_draws_nothing_on_a_terminal(tmp_path: Path) -> None:
    name = tmp_path / "a\x1b[31m\nb.toml"
    name.write_text("x")
    assert refuse(name).startswith("a\\x1b[31m\\nb.toml: ")


def test_a_name_that_is_too_long_is_refused(tmp_path: Path) -> None:
    found = refuse(tmp_path / ("a" * 5000))
    assert found.endswith("can't be read: File name too long")
    assert len(found) < 400
