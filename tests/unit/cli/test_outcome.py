"""How a command ends: exit codes, and what stands on stderr."""

import errno
from collections.abc import Callable

import click
import pytest

from ground2cloud.cli import main
from ground2cloud.cli.app import COMMANDS, app
from ground2cloud.cli.outcome import EXIT_INTERRUPTED, run_to_exit_code
from ground2cloud.cli.settings import common_options
from ground2cloud.errors import ConfigError, Ground2CloudError, Problem


def command_that(act: Callable[[], object]) -> click.Command:
    @click.command()
    @common_options
    def command() -> object:
        return act()

    return command


def fail(error: BaseException) -> click.Command:
    def act() -> None:
        raise error

    return command_that(act)


@pytest.mark.parametrize(("answer", "code"), [(None, 0), (0, 0), (1, 1), (78, 78)])
def test_what_a_command_answers_is_its_exit_code(answer: object, code: int) -> None:
    assert run_to_exit_code(command_that(lambda: answer), []) == code


def test_an_error_is_one_line_and_a_hint(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_to_exit_code(fail(Ground2CloudError("it broke", "mend it")), []) == 1
    assert capsys.readouterr() == ("", "ground2cloud: it broke\nhint: mend it\n")


def test_a_configuration_has_a_line_for_each_problem_and_ends_with_78(
    capsys: pytest.CaptureFixture[str],
) -> None:
    error = ConfigError((Problem("a.toml", "x", "bad"), Problem("a.toml", "", "worse")))
    assert run_to_exit_code(fail(error), []) == 78
    assert capsys.readouterr().err == "ground2cloud: a.toml: x: bad\nground2cloud: a.toml: worse\n"


@pytest.mark.parametrize("interrupt", [KeyboardInterrupt(), click.Abort()])
def test_ctrl_c_says_nothing(interrupt: BaseException, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_to_exit_code(fail(interrupt), []) == EXIT_INTERRUPTED
    assert capsys.readouterr().err.strip() == ""


def test_a_defect_is_called_one_and_shows_no_traceback(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_to_exit_code(fail(KeyError("x")), []) == 1
    assert capsys.readouterr().err == (
        "ground2cloud: this is a defect of the program: KeyError: 'x'\n"
        "hint: run it again with --debug to see where, and report it\n"
    )


def test_debug_shows_where_a_defect_is(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_to_exit_code(fail(KeyError("x")), ["--debug"]) == 1
    err = capsys.readouterr().err
    assert "Traceback" in err
    assert "test_outcome.py" in err


def test_a_trouble_of_the_machine_is_no_defect(capsys: pytest.CaptureFixture[str]) -> None:
    error = OSError(errno.ENOSPC, "No space left on device", "/var/x")
    assert run_to_exit_code(fail(error), []) == 1
    assert capsys.readouterr().err.startswith("ground2cloud: /var/x: No space left on device\n")


def test_nothing_in_an_error_can_act_on_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    run_to_exit_code(fail(Ground2CloudError("a\x1b[2Jb", "c\rd")), [])
    assert capsys.readouterr().err == "ground2cloud: a\\x1b[2Jb\nhint: c\\rd\n"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["statsu"], 'there is no command "statsu"'),
        (["xyz"], 'there is no command "xyz"'),
        (["status", "--jsno"], "no such option"),
        (["--nonsense"], "no such option"),
        (["pause"], "missing argument 'NAME'"),
        (["logs", "-n", "-1"], "invalid value for '-n'"),
        (["logs", "--level", "loud"], "invalid value for '--level'"),
        (["status", "extra"], "got unexpected extra argument (extra)"),
    ],
)
def test_a_mistyped_command_line_is_a_line_and_a_hint(
    arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == 1
    out, err = capsys.readouterr()
    message, hint, *rest = err.splitlines()
    assert out == ""
    assert message.startswith("ground2cloud: ")
    assert said in message
    assert hint.startswith("hint: ")
    assert rest == []


def test_a_mistyped_command_is_answered_with_the_one_that_was_meant(
    capsys: pytest.CaptureFixture[str],
) -> None:
    main(["statsu"])
    assert capsys.readouterr().err.endswith("hint: did you mean status?\n")


def test_no_command_at_all_shows_the_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 0
    assert "Commands:" in capsys.readouterr().out


def leaves() -> list[str]:
    """Every command that does something: the groups' own commands, not the groups."""
    context = click.Context(app)
    found = []
    for name in COMMANDS:
        command = app.get_command(context, name)
        below = command.list_commands(context) if isinstance(command, click.Group) else []
        found += [f"{name} {each}" for each in below] or [name]
    return found


@pytest.mark.parametrize("words", leaves())
def test_every_command_explains_itself_and_takes_the_common_options(
    words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*words.split(), "--help"]) == 0
    out = capsys.readouterr().out
    assert f"Usage: ground2cloud {words} [OPTIONS]" in out
    assert "--config PATH" in out
    assert "--debug" in out


@pytest.mark.parametrize("words", ["", "gateway", "gateway element", "service"])
def test_the_help_page_shows_whole_sentences(
    words: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    assert main([*words.split(), "--help"]) == 0
    _, commands = capsys.readouterr().out.split("\nCommands:\n")
    assert "..." not in commands
    assert commands.count(".\n") >= 3
