"""How templates of shell scripts write words and commands."""

import shlex
from collections.abc import Sequence


def _word(value: object) -> str:
    return shlex.quote(str(value))


def _words(values: Sequence[object]) -> str:
    return shlex.join(str(value) for value in values)


FILTERS = {"word": _word, "words": _words}
"""`{{ path | word }}` is one word of the shell, `{{ run_command | words }}` a whole command."""


def wait_for(condition: str, *arguments: object, seconds: int = 20) -> tuple[str, ...]:
    """Answer with a command that waits until a condition holds, and fails if it never does.

    Args:
        condition: a command of the shell, in which `$1`, `$2` … are the arguments.
        arguments: what the condition is about.
        seconds: how long it waits.
    """
    loop = f"i=0; until {condition}; do i=$((i+1)); [ $i -le {seconds} ] || exit 1; sleep 1; done"
    return ("sh", "-c", loop, "wait", *(str(argument) for argument in arguments))
