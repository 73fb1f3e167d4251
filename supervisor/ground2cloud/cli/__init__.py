"""The command line: the only layer that prints, prompts and exits."""

from collections.abc import Sequence

from ground2cloud.cli.app import app
from ground2cloud.cli.outcome import run_to_exit_code


def main(arguments: Sequence[str] | None = None) -> int:
    """Run `ground2cloud` with these arguments, by default the process's; answer its exit code.

    Raises nothing that a user could cause: mistakes are a line and a hint on stderr.
    """
    return run_to_exit_code(app, arguments)
