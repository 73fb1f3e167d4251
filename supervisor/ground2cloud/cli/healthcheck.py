"""`ground2cloud healthcheck`: one line and an exit code, for containers and monitors."""

import click

from ground2cloud.cli.running import find_agent
from ground2cloud.cli.settings import Settings, common_options
from ground2cloud.errors import EXIT_FAILURE, Ground2CloudError
from ground2cloud.logs.escape import printable
from ground2cloud.web.messages import ServiceStatus, Status

_LIMIT = 300


@click.command()
@common_options
@click.pass_obj
def healthcheck(settings: Settings) -> int:
    """Say in one line whether all is well.

    The exit code is 0 when the agent answers and every service that is not paused is up, else 1.
    """
    try:
        found = find_agent(settings).status()
    except Ground2CloudError as error:
        click.echo(printable(error.message, _LIMIT))
        return EXIT_FAILURE
    down = [service for service in found.services if service.state == "down"]
    why = "; ".join(_why(service, found) for service in down)
    click.echo(printable(f"{found.summary}: {why}" if why else found.summary, _LIMIT))
    return EXIT_FAILURE if down else 0


def _why(service: ServiceStatus, found: Status) -> str:
    lane = next((lane for lane in found.lanes if lane.name == service.lane), None)
    reason = lane.last_error or lane.state if lane is not None else "no lane"
    return f"{service.name} is down ({reason})"
