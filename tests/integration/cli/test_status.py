"""`ground2cloud status` on a running agent."""

from typing import Literal

import msgspec
import pytest

from ground2cloud.web.messages import Status
from tests.lab.command import Command
from tests.lab.fake_agent import FakeAgent, light, service, serving, status


def test_status_shows_the_table_and_ends_with_0_when_all_is_up(command: Command) -> None:
    with serving(FakeAgent(), command.run_dir):
        ended = command("status")
    assert ended.code == 0
    assert ended.out.startswith("Ground2Cloud 0.1.0: 1/1 up, running for 2 h 4 min")
    assert "\x1b" not in ended.out


@pytest.mark.parametrize(("state", "code"), [("down", 1), ("paused", 0)])
def test_status_ends_with_1_when_a_service_is_down_but_not_for_a_paused_one(
    command: Command, state: Literal["down", "paused"], code: int
) -> None:
    agent = FakeAgent(status(service(), service("db", state)))
    with serving(agent, command.run_dir):
        ended = command("status")
    assert (ended.code, ended.err) == (code, "")
    assert "1/2 up" in ended.out


def test_json_is_the_status_as_the_agent_gave_it(command: Command) -> None:
    snapshot = status(service(state="down", ssh=light("down", detail="\x1b[31mevil")))
    with serving(FakeAgent(snapshot), command.run_dir):
        ended = command("status", "--json")
    assert ended.code == 1
    assert msgspec.json.decode(ended.out, type=Status) == snapshot
    assert "\x1b" not in ended.out


def test_a_defect_in_the_agent_is_no_traceback_here(command: Command) -> None:
    with serving(FakeAgent(fault=KeyError("x")), command.run_dir):
        ended = command("status")
    assert ended == (
        1,
        "",
        (
            "ground2cloud: the agent refuses: this is a defect of the program\n"
            "hint: the details are in the log\n"
        ),
    )
