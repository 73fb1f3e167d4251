"""`ground2cloud status --watch`: the status, drawn anew every second."""

import sys
from threading import Event

import click
import msgspec
from rich.console import Console
from rich.live import Live
from rich.text import Text

from ground2cloud.cli.running import find_agent
from ground2cloud.cli.settings import Settings
from ground2cloud.cli.status_view import status_lines
from ground2cloud.cli.words import Marks, marks_for, wants_color
from ground2cloud.core.clock import iso, wall
from ground2cloud.errors import Ground2CloudError
from ground2cloud.logs.escape import printable

_INTERVAL = 1.0
_LIMIT = 300


def watch_status(settings: Settings, *, as_json: bool) -> int:
    """Show it until Ctrl-C: on a terminal in place, else one below the other; JSON a line each."""
    try:
        if as_json:
            _print_json(settings)
        elif sys.stdout.isatty():
            _redraw(settings)
        else:
            _print(settings)
    except KeyboardInterrupt:
        pass
    return 0


def _print_json(settings: Settings) -> None:
    while True:
        click.echo(msgspec.json.encode(find_agent(settings).status()))
        Event().wait(_INTERVAL)


def _print(settings: Settings) -> None:
    marks = marks_for(sys.stdout)
    while True:
        click.echo("\n".join([*_lines(settings, marks), ""]), color=False)
        Event().wait(_INTERVAL)


def _redraw(settings: Settings) -> None:
    marks = marks_for(sys.stdout)  # before rich puts something of its own there
    console = Console(no_color=not wants_color(sys.stdout), highlight=False)
    with Live(console=console, screen=True, auto_refresh=False) as live:
        while True:
            text = Text("\n").join(Text.from_ansi(line) for line in _lines(settings, marks))
            text.no_wrap = True
            live.update(text, refresh=True)
            Event().wait(_INTERVAL)


def _lines(settings: Settings, marks: Marks) -> list[str]:
    """Set the status, or why there is none: an agent may be stopped and started while we watch."""
    try:
        return status_lines(find_agent(settings).status(), iso(wall()), marks)
    except Ground2CloudError as error:
        return [printable(error.message, _LIMIT), printable(error.hint, _LIMIT)]
