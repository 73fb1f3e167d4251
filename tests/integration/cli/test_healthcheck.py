"""`ground2cloud healthcheck`: one line, and an exit code that a monitor can use."""

from pathlib import Path
from typing import Literal

import pytest

from tests.integration.cli.test_process import HEAVY, LOADED, run
from tests.lab.command import Command
from tests.lab.fake_agent import FakeAgent, lane, service, serving, status


@pytest.mark.parametrize("state", ["up", "paused"])
def test_all_is_well(command: Command, state: Literal["up", "paused"]) -> None:
    """A paused service is meant to be down."""
    agent = FakeAgent(status(service(), service("db", state), summary="as it should be"))
    with serving(agent, command.run_dir):
        assert command("healthcheck") == (0, "as it should be\n", "")


def test_one_line_says_what_is_down_and_why(command: Command) -> None:
    """Whatever a gateway may have said: no line more, no escape sequence."""
    bad = lane(state="backoff", last_error="Connection\nrefused \x1b[31m")
    agent = FakeAgent(status(service(), service("db", "down"), lanes=(bad,)))
    with serving(agent, command.run_dir):
        ended = command("healthcheck")
    assert (ended.code, ended.err) == (1, "")
    assert ended.out == "1/2 up: db is down (Connection\\nrefused \\x1b[31m)\n"


def test_no_agent_is_one_line_too(command: Command) -> None:
    assert command("healthcheck") == (1, f"the agent of {command.path} is not running\n", "")


def test_a_damaged_file_of_the_agent_is_one_line_too(command: Command) -> None:
    command.run_dir.mkdir()
    Path(command.run_dir, "control.json").write_text("{")
    ended = command("healthcheck")
    assert (ended.code, ended.err, ended.out.count("\n")) == (1, "", 1)


def test_it_loads_nothing_heavy(command: Command) -> None:
    with serving(FakeAgent(), command.run_dir):
        done = run("-c", LOADED, "--config", str(command.path), "healthcheck")
    assert (done.returncode, done.stdout) == (0, "1/1 up\n")
    assert not HEAVY & set(done.stderr.split())
