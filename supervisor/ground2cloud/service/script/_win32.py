"""Steps as lines for PowerShell, for an administrator to run by hand."""

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

assert sys.platform == "win32"


def script(step: Step) -> list[str]:
    """Write a step as lines for PowerShell; none where there is nothing to do."""
    match step:
        case Account() | Own() | RemoveAccount():
            return []
        case Directory():
            return [f"New-Item -Force -ItemType Directory {_q(step.path)} | Out-Null"]
        case File():
            here = f"@'\n{step.text.removesuffix(chr(10))}\n'@"
            return [f"Set-Content -Encoding utf8 -Path {_q(step.path)} -Value {here}"]
        case Link():
            way = f"{_q(step.path)} -Target {_q(step.target)}"
            return [f"New-Item -Force -ItemType SymbolicLink {way} | Out-Null"]
        case Run():
            return [_run(step)]
        case Remove() | RemoveTree():
            gone = f"Remove-Item -Recurse -Force {_q(step.path)}"
            found = f"Test-Path {system.quote_word(step.unless)}"
            return [f"if (-not ({found})) {{ {gone} }}" if step.unless else gone]
        case _:
            assert_never(step)


def _run(step: Run) -> str:
    command = system.quote(step.argv)
    if step.if_exists:
        return f"if (Test-Path {_q(step.if_exists)}) {{ {command} }}"
    return command


def _q(path: Path) -> str:
    return system.quote_word(str(path))
