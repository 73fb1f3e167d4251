"""The commands that ask a running agent: what they say, and how they end."""

import threading

import pytest

from ground2cloud.web.messages import Answer
from tests.lab.command import Command
from tests.lab.fake_agent import FakeAgent, service, serving, status


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("reload",), "reloaded"),
        (("pause", "quickbooks"), "quickbooks is paused"),
    ],
)
def test_a_request_that_was_done_says_so(
    command: Command, arguments: tuple[str, ...], said: str
) -> None:
    agent = FakeAgent()
    with serving(agent, command.run_dir):
        assert command(*arguments) == (0, f"{said}\n", "")
    assert agent.asked == [" ".join(arguments)]


def test_the_agents_own_words_come_first(command: Command) -> None:
    with serving(FakeAgent(answer=Answer(ok=True, message="1 service added")), command.run_dir):
        assert command("reload").out == "1 service added\n"


def test_a_bad_file_at_reload_is_told_whole_and_ends_with_78(command: Command) -> None:
    problems = ("agent.toml: service[0].port: bad", "agent.toml: log.level: bad")
    with serving(FakeAgent(answer=Answer(ok=False, problems=problems)), command.run_dir):
        ended = command("reload")
    assert ended == (
        78,
        "",
        (
            "ground2cloud: agent.toml: service[0].port: bad\n"
            "ground2cloud: agent.toml: log.level: bad\n"
            "hint: what ran before goes on\n"
        ),
    )


def test_a_refusal_without_a_reason_is_still_a_sentence(command: Command) -> None:
    with serving(FakeAgent(answer=Answer(ok=False)), command.run_dir):
        ended = command("pause", "quickbooks")
    assert ended.code == 1
    assert ended.err == "ground2cloud: the agent could not do it, and does not say why\n"


def test_a_mistyped_service_is_answered_with_the_one_that_was_meant(command: Command) -> None:
    agent = FakeAgent()
    with serving(agent, command.run_dir):
        ended = command("pause", "quickboks")
    assert ended == (
        1,
        "",
        'ground2cloud: no service is called "quickboks"\nhint: did you mean quickbooks?\n',
    )
    assert agent.asked == []


def test_restart_waits_until_the_services_are_up(command: Command) -> None:
    agent = FakeAgent()
    with serving(agent, command.run_dir):
        ended = command("restart")
    assert ended.code == 0
    assert ended.out.startswith("restarted: 1/1 up after ")


def test_resume_waits_until_the_service_is_up(command: Command) -> None:
    agent = FakeAgent(status(service(), service("old", "paused"), service("new", "down")))
    with serving(agent, command.run_dir):
        timer = threading.Timer(0.5, lambda: setattr(agent, "snapshot", up))
        up = status(service(), service("old"), service("new", "down"))
        timer.start()
        ended = command("resume", "old")
        timer.join()
    assert agent.asked == ["resume old"]
    assert ended.code == 0
    assert ended.out.startswith("resumed: 2/3 up after ")


def test_restart_does_not_wait_for_what_is_paused(command: Command) -> None:
    agent = FakeAgent(status(service(), service("old", "paused")))
    with serving(agent, command.run_dir):
        assert command("restart").code == 0


@pytest.mark.parametrize(
    "arguments",
    [("status",), ("reload",), ("pause", "x"), ("resume", "x"), ("restart",), ("stop",)],
)
def test_without_an_agent_every_request_says_how_to_start_it(
    command: Command, arguments: tuple[str, ...]
) -> None:
    assert command(*arguments) == (
        1,
        "",
        (
            f"ground2cloud: the agent of {command.path} is not running\n"
            f"hint: start it with: ground2cloud run --config {command.path}\n"
        ),
    )


def test_without_a_configuration_the_hint_is_to_write_one(command: Command) -> None:
    command.path.unlink()
    assert (
        "hint: there is no such file yet; write one with: ground2cloud init"
        in command("status").err
    )


def test_a_running_agent_is_found_while_its_file_is_broken(command: Command) -> None:
    """A broken edit must not keep a user from seeing what it broke."""
    text = command.path.read_text()
    with serving(FakeAgent(), command.run_dir):
        command.path.write_text(text + "\n[[service]]\nport = 70000\nnonsense = 1\n")
        assert command("status").code == 0


def test_stop_of_an_agent_that_refuses_says_why(command: Command) -> None:
    with serving(FakeAgent(answer=Answer(ok=False, message="not now")), command.run_dir):
        assert command("stop") == (1, "", "ground2cloud: not now\n")
