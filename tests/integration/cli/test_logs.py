"""`ground2cloud logs`."""

import os

import pytest

from tests.lab.command import Command
from tests.lab.fake_agent import FakeAgent, serving, status

TEXT = """\
2026-11-22T10:15:03.120Z DEBUG looking
2026-11-22T10:15:03.121Z INFO  lane 1 ready in 0.31 s
2026-11-22T10:15:03.122Z WARN  lane 1 ended
2026-11-22T10:15:03.123Z ERROR the key is gone
"""
JSON = """\
{"ts": "2026-11-22T10:15:03.120Z", "level": "debug", "msg": "looking"}
{"ts": "2026-11-22T10:15:03.121Z", "level": "info", "msg": "ready"}
{"ts": "2026-11-22T10:15:03.122Z", "level": "warning", "msg": "ended"}
{"ts": "2026-11-22T10:15:03.123Z", "level": "error", "msg": "gone"}
"""


def test_the_end_of_the_log_is_shown(command: Command) -> None:
    command.log.write_text(TEXT)
    assert command("logs") == (0, TEXT, "")
    assert command("logs", "-n", "1").out == TEXT.splitlines(keepends=True)[-1]
    assert command("logs", "-n", "0").out == ""


@pytest.mark.parametrize("content", [TEXT, JSON])
@pytest.mark.parametrize(
    ("level", "shown"), [("debug", 4), ("info", 3), ("warning", 2), ("error", 1)]
)
def test_a_level_hides_what_is_below_it(
    command: Command, content: str, level: str, shown: int
) -> None:
    command.log.write_text(content)
    assert command("logs", "--level", level).out.splitlines() == content.splitlines()[-shown:]


def test_a_line_without_a_level_is_never_hidden(command: Command) -> None:
    command.log.write_text('what is this\n{"broken": \n[]\nword\n\n')
    assert command("logs", "--level", "error").out == 'what is this\n{"broken": \n[]\nword\n'


def test_a_running_agent_says_where_its_log_is(command: Command) -> None:
    other = command.log.with_name("other.log")
    other.write_text(TEXT)
    with serving(FakeAgent(status(log=str(other))), command.run_dir):
        assert command("logs").out == TEXT


def test_an_agent_without_a_log_file_says_so(command: Command) -> None:
    with serving(FakeAgent(status(log=None)), command.run_dir):
        ended = command("logs")
    assert (ended.code, ended.out) == (1, "")
    assert ended.err.startswith("ground2cloud: the agent writes no log file\n")


def test_a_log_that_is_not_there_yet_is_told(command: Command) -> None:
    assert command("logs") == (
        1,
        "",
        (
            f"ground2cloud: there is no log yet: {command.log}\n"
            "hint: the agent writes it when it runs: ground2cloud run\n"
        ),
    )


def test_what_is_in_the_log_cannot_act_on_the_terminal(command: Command) -> None:
    command.log.write_bytes(b"2026-11-22T10:15:03.120Z INFO  a\x1b[2J\xe2\x80\xae\xff\r\n")
    assert command("logs").out == (
        "2026-11-22T10:15:03.120Z INFO  a\\x1b[2J\\u202e\N{REPLACEMENT CHARACTER}\n"
    )


def test_a_broken_configuration_is_told_when_only_it_knows_where_the_log_is(
    command: Command,
) -> None:
    command.path.write_text("nonsense")
    assert command("logs").code == 78


def test_a_directory_for_a_log_is_no_defect(command: Command) -> None:
    command.log.mkdir()
    ended = command("logs")
    assert ended.code == 1
    assert "defect" not in ended.err
    assert os.fspath(command.log) in ended.err
