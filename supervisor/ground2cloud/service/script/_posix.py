"""Steps as lines for `sh`, so that root can do by hand what the program may not."""

import sys
from pathlib import Path
from typing import assert_never

from ground2cloud.service import system
from ground2cloud.service.plan import (
    Account,
    Directory,
    File,
    Link,
    Own,
    Remove,
    RemoveAccount,
    RemoveTree,
    Run,
    Step,
)

assert sys.platform != "win32"

_END = "END-OF-FILE"


def script(step: Step) -> list[str]:  # noqa: PLR0911 - one for each kind of step
    """Write a step as lines of a script; none where it is done already."""
    match step:
        case Account():
            made = system.create_account(step.name, step.home)
            return [system.quote(made)] if made else []
        case Directory():
            return [_directory(step)]
        case Own():
            return [_if(step.path, f"{_chown(step)} && chmod {step.mode:o} {_q(step.path)}")]
        case File():
            return _file(step)
        case Link():
            return [f"ln -sfn {_q(step.target)} {_q(step.path)}"]
        case Run():
            return [_run(step)]
        case Remove():
            return [_unless(step.unless, f"rm -f {_q(step.path)}")]
        case RemoveTree():
            return [_unless(step.unless, f"rm -rf {_q(step.path)}")]
        case RemoveAccount():
            commands = system.remove_account(step.name)
            return [_unless(step.unless, system.quote(argv)) for argv in commands]
        case _:
            assert_never(step)


def _q(path: Path) -> str:
    return system.quote_word(str(path))


def _directory(step: Directory) -> str:
    owner = f" -o {system.quote_word(step.owner)}" if step.owner else ""
    group = f" -g {system.quote_word(step.group)}" if step.group else ""
    return f"install -d -m {step.mode:o}{owner}{group} {_q(step.path)}"


def _chown(step: Own) -> str:
    return f"chown {system.quote_word(f'{step.owner}:{step.group}')} {_q(step.path)}"


def _file(step: File) -> list[str]:
    return [
        f"mkdir -p {_q(step.path.parent)}",
        f"cat > {_q(step.path)} <<'{_END}'",
        *step.text.removesuffix("\n").split("\n"),
        _END,
        f"chmod {step.mode:o} {_q(step.path)}",
    ]


def _run(step: Run) -> str:
    command = system.quote(step.argv) + (" || true" if step.may_fail else "")
    return _if(step.if_exists, command) if step.if_exists else command


def _if(path: Path, command: str) -> str:
    return f"if [ -e {_q(path)} ]; then {command}; fi"


def _unless(pattern: str, command: str) -> str:
    if not pattern:
        return command
    # The shell leaves a pattern that fits nothing as it is, and no file has that name.
    directory, _, name = pattern.rpartition("/")
    return f"ls -d {directory}/{name} >/dev/null 2>&1 || {command}"
