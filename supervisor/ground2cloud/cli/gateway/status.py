"""`ground2cloud gateway status`: what runs, and how many agents are up."""

import sys

import click
import msgspec

from ground2cloud.cli.gateway.opening import find_gateway
from ground2cloud.cli.gateway.views import status_lines
from ground2cloud.cli.settings import Settings, common_options
from ground2cloud.cli.words import marks_for, wants_color
from ground2cloud.errors import EXIT_FAILURE
from ground2cloud.web.gateway_messages import GatewayStatus


@click.command()
@common_options
@click.option("--json", "as_json", is_flag=True, help="Print everything as JSON.")
@click.pass_obj
def status(settings: Settings, *, as_json: bool) -> int:
    """Show how the gateway is: its programs, its addresses, its registrations by state.

    The exit code is 0 when sshd and the router are up.
    """
    found = find_gateway(settings).gateway()
    if as_json:
        click.echo(msgspec.json.format(msgspec.json.encode(found), indent=2))
    else:
        for line in status_lines(found, marks_for(sys.stdout)):
            click.echo(line, color=wants_color(sys.stdout))
    return exit_code(found)


def exit_code(found: GatewayStatus) -> int:
    """0 when every program of the gateway is up."""
    return 0 if all(child.state == "ready" for child in found.children) else EXIT_FAILURE
