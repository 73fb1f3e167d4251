"""`ground2cloud gateway agents`: every registration, its lanes and its services."""

import sys
from threading import Event

import click
import msgspec

from ground2cloud.cli.gateway.opening import find_gateway
from ground2cloud.cli.gateway.views import agent_lines
from ground2cloud.cli.settings import Settings, common_options
from ground2cloud.cli.words import marks_for, wants_color
from ground2cloud.core.clock import iso, wall

_INTERVAL = 1.0


@click.command()
@common_options
@click.option("--json", "as_json", is_flag=True, help="Print everything as JSON.")
@click.option("--watch", is_flag=True, help="Show it anew every second, until Ctrl-C.")
@click.pass_obj
def agents(settings: Settings, *, as_json: bool, watch: bool) -> int:
    """Show every registration, its lanes and its services.

    \b
    active       every service of it can be reached
    degraded     it has a lane, but not everything works
    no-response  it has no lane
    revoked      it never comes back
    """  # noqa: D301 - click's mark of a paragraph whose lines stay as they are
    try:
        _show(settings, as_json=as_json, lines=watch)
        while watch:
            Event().wait(_INTERVAL)
            _show(settings, as_json=as_json, lines=watch)
    except KeyboardInterrupt:
        pass
    return 0


def _show(settings: Settings, *, as_json: bool, lines: bool) -> None:
    found = find_gateway(settings).agents()
    if as_json:
        text = msgspec.json.encode(found)
        click.echo(text if lines else msgspec.json.format(text, indent=2))
        return
    if lines and sys.stdout.isatty():
        click.clear()
    for line in agent_lines(found, iso(wall()), marks_for(sys.stdout)):
        click.echo(line, color=wants_color(sys.stdout))
