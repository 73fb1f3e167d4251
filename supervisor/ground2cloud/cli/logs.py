"""`ground2cloud logs`: the end of the log, and what is added to it."""

import os
from collections.abc import Callable
from pathlib import Path
from threading import Event

import click
import msgspec

from ground2cloud.cli.outcome import complain
from ground2cloud.cli.running import config_path, find_agent
from ground2cloud.cli.settings import Settings, common_options
from ground2cloud.cli.tail import Tail, last_lines
from ground2cloud.config.load import load_agent
from ground2cloud.config.locations import locate
from ground2cloud.errors import Ground2CloudError
from ground2cloud.logs.escape import printable

LEVELS = ("debug", "info", "warning", "error")

_WORDS = {"DEBUG": "debug", "INFO": "info", "WARN": "warning", "ERROR": "error"}
_LINE_LIMIT = 20_000  # the longest that the log writes is about 17,000
_LOOK_EVERY = 0.25
_REFUSALS = 12  # in a row; on Windows nobody may open a file at the moment in which it is renamed


class _Entry(msgspec.Struct):
    level: str = ""


@click.command()
@common_options
@click.option("-f", "--follow", is_flag=True, help="Go on with what is added, until Ctrl-C.")
@click.option(
    "-n",
    "--lines",
    "number",
    type=click.IntRange(min=0),
    default=20,
    show_default=True,
    help="How many lines to begin with.",
)
@click.option("--level", type=click.Choice(LEVELS), default="debug", help="Least level shown.")
@click.pass_obj
def logs(settings: Settings, *, follow: bool, number: int, level: str) -> int:
    """Show the end of the agent's log."""
    path = _log_file(settings)
    wanted = _at_least(level)
    try:
        if follow:
            _follow(path, number, wanted)
        else:
            _show(last_lines(path, number, wanted, path.stat().st_size))
    except KeyboardInterrupt:
        pass
    except FileNotFoundError:
        raise Ground2CloudError(
            f"there is no log yet: {path}", "the agent writes it when it runs: ground2cloud run"
        ) from None
    except PermissionError:
        raise Ground2CloudError(
            f"not allowed to read {path}", "run this as the user of the agent, or with sudo"
        ) from None
    return 0


def _follow(path: Path, number: int, wanted: Callable[[str], bool]) -> None:
    tail = Tail(path)
    if path.exists():
        _show(last_lines(path, number, wanted, tail.offset))
    else:
        complain(f"there is no log yet, waiting for it: {path}")
    refused = 0
    while True:
        try:
            _show(filter(wanted, tail.read()))
        except PermissionError:
            refused += 1
            if refused > _REFUSALS:
                raise
        else:
            refused = 0
        Event().wait(_LOOK_EVERY)


def _show(lines: "filter[str] | list[str]") -> None:
    for line in lines:
        click.echo(printable(line, _LINE_LIMIT))


def _at_least(level: str) -> Callable[[str], bool]:
    """Make the test of a line. What has no level that we know is shown, whatever is asked for."""
    shown = LEVELS[LEVELS.index(level) :]

    def wanted(line: str) -> bool:
        found = level_of(line)
        return found not in LEVELS or found in shown

    return wanted


def level_of(line: str) -> str:
    """Read the level off a line of either format; empty if it has none."""
    if line.startswith("{"):
        try:
            return msgspec.json.decode(line, type=_Entry).level
        except msgspec.MsgspecError:
            return ""
    words = line.split(maxsplit=2)
    return _WORDS.get(words[1], "") if len(words) > 1 else ""


def _log_file(settings: Settings) -> Path:
    """Ask the running agent; if there is none, the configuration says where the log would be."""
    try:
        found = find_agent(settings).status().log
    except Ground2CloudError:
        path = config_path(settings)
        return locate(load_agent(path), path, os.environ).log_file
    if found is None:
        raise Ground2CloudError("the agent writes no log file", "it logs to its standard error")
    return Path(found)
