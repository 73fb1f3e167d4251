"""How a command ends: its exit code, and one line with a hint for what went wrong.

0 done, 1 not done, 78 the configuration can't be used. A reader that went away (`| head`) and
Ctrl-C are no errors and say nothing.
"""

import errno
import os
import sys
import traceback
from collections.abc import Sequence

import click

from ground2cloud.cli.settings import Settings
from ground2cloud.errors import EXIT_FAILURE, Ground2CloudError
from ground2cloud.logs.escape import printable

EXIT_INTERRUPTED = 130
"""What a shell reports for a command that Ctrl-C ended."""

_LINE_LIMIT = 1000


def run_to_exit_code(command: click.Command, arguments: Sequence[str] | None = None) -> int:
    """Run a command whose functions answer exit codes (None is 0), and report how it went."""
    settings = Settings()
    _never_fail_to_encode()
    try:
        answer = command.main(
            arguments, prog_name="ground2cloud", standalone_mode=False, obj=settings
        )
        sys.stdout.flush()
        code = answer if isinstance(answer, int) else 0
    except (click.Abort, KeyboardInterrupt):
        code = EXIT_INTERRUPTED
    except SystemExit:  # click found the reader gone; on Windows its own last flush complains
        _discard_output()
        code = EXIT_FAILURE
    except Exception as error:  # noqa: BLE001 - the outermost line of the program
        code = _report(error, settings)
    return code


def complain(message: str, hint: str = "") -> None:
    """Write an error to stderr, each of its lines with the program's name, and what to do."""
    for line in message.splitlines() or [""]:
        click.echo(f"ground2cloud: {printable(line, _LINE_LIMIT)}", err=True)
    if hint:
        click.echo(f"hint: {printable(hint, _LINE_LIMIT)}", err=True)


def _report(error: Exception, settings: Settings) -> int:
    match error:
        case Ground2CloudError():
            complain(error.message, error.hint)
            return error.exit_code
        case click.ClickException():
            _complain_of_usage(error)
        case OSError() if _reader_is_gone(error):
            _discard_output()
        case OSError():
            _show_place(error, settings)
            place = f"{error.filename}: " if error.filename else ""
            complain(f"{place}{error.strerror or error}", "--debug shows what was tried")
        case _:
            _show_place(error, settings)
            complain(
                f"this is a defect of the program: {type(error).__name__}: {error}",
                "run it again with --debug to see where, and report it",
            )
    return EXIT_FAILURE


def _show_place(error: Exception, settings: Settings) -> None:
    if settings.debug:
        traceback.print_exception(error)


def _complain_of_usage(error: click.ClickException) -> None:
    message = error.format_message().rstrip(".")
    context = error.ctx if isinstance(error, click.UsageError) else None
    path = context.command_path if context else "ground2cloud"
    complain(message[:1].lower() + message[1:], f"{path} --help says what it takes")


def _reader_is_gone(error: OSError) -> bool:
    # Windows says EINVAL where POSIX says EPIPE.
    return isinstance(error, BrokenPipeError) or (os.name == "nt" and error.errno == errno.EINVAL)


def _discard_output() -> None:
    """Let Python's own last flush go nowhere, or it would complain on stderr."""
    with open(os.devnull, "w", encoding="utf-8") as nowhere:  # noqa: PTH123 - a device
        os.dup2(nowhere.fileno(), sys.stdout.fileno())


def _never_fail_to_encode() -> None:
    """Show what an old terminal's encoding doesn't have as an escape instead of failing."""
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="backslashreplace")
