"""`ground2cloud gateway reload`: have an edit taken up now, and hear what came of it."""

import click

from ground2cloud.cli.gateway.opening import find_gateway
from ground2cloud.cli.requests import report
from ground2cloud.cli.settings import Settings, common_options
from ground2cloud.errors import EXIT_CONFIG


@click.command()
@common_options
@click.pass_obj
def reload(settings: Settings) -> int:
    """Load the configuration file again now, and wait until it is in force.

    The gateway also does so by itself whenever the file is saved. A file that can't be used changes
    nothing: what runs goes on, and the exit code is 78.
    """
    answer = find_gateway(settings).reload()
    return report(answer, "reloaded", refused=EXIT_CONFIG, who="the gateway")
