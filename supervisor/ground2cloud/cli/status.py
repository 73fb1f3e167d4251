"""`ground2cloud status`: what runs, what was proved when, and what stands in the way."""

import sys

import click
import msgspec

from ground2cloud.cli.running import find_agent
from ground2cloud.cli.settings import Settings, common_options
from ground2cloud.cli.status_view import status_lines
from ground2cloud.cli.words import marks_for, wants_color
from ground2cloud.core.clock import iso, wall
from ground2cloud.errors import EXIT_FAILURE
from ground2cloud.web.messages import Status


@click.command()
@common_options
@click.option("--json", "as_json", is_flag=True, help="Print everything as JSON.")
@click.option("--watch", is_flag=True, help="Show it anew every second, until Ctrl-C.")
@click.pass_obj
def status(settings: Settings, *, as_json: bool, watch: bool) -> int:
    """Show the state of every service and lane.

    A service has four lights, in the order in which a request meets them, each with the time at
    which it was last proved or disproved:

    \b
    ssh          this machine has a connection to the gateway
    listener     the gateway listens on the service's port
    path         what the gateway sends arrives here; a plain sshd can't tell
    application  the application here answers

    A lane is one connection to the gateway. The exit code is 0 when no service is down; a
    paused one is not.
    """  # noqa: D301 - click's mark of a paragraph whose lines stay as they are
    if watch:
        from ground2cloud.cli.watch import watch_status  # noqa: PLC0415 - rich takes 100 ms

        return watch_status(settings, as_json=as_json)
    found = find_agent(settings).status()
    if as_json:
        click.echo(msgspec.json.format(msgspec.json.encode(found), indent=2))
    else:
        for line in status_lines(found, iso(wall()), marks_for(sys.stdout)):
            click.echo(line, color=wants_color(sys.stdout))
    return exit_code(found)


def exit_code(found: Status) -> int:
    """0 when no service is down; a paused one is not meant to be up."""
    down = any(service.state == "down" for service in found.services)
    return EXIT_FAILURE if down else 0
