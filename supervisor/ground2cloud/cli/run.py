"""`ground2cloud run`: be the agent."""

import click

from ground2cloud.cli.running import config_path
from ground2cloud.cli.settings import Settings, common_options


@click.command()
@common_options
@click.option(
    "--quiet", is_flag=True, help="Write the log to its file only, not to standard error as well."
)
@click.pass_obj
def run(settings: Settings, *, quiet: bool) -> int:
    """Connect to the gateway and keep every service reachable there.

    Stays in the foreground, writes the log to its file and to standard error, and ends on Ctrl-C or
    when it is told to. A service manager starts it like this.
    """
    from ground2cloud.roles import agent  # noqa: PLC0415 - or --help would load everything

    return agent.run(config_path(settings), stderr=not quiet)
