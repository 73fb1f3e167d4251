"""`ground2cloud gateway run`: be the gateway."""

import click

from ground2cloud.cli.gateway.opening import config_path, require_gateway
from ground2cloud.cli.settings import Settings, common_options


@click.command()
@common_options
@click.option(
    "--quiet", is_flag=True, help="Write the log to its file only, not to standard error as well."
)
@click.pass_obj
def run(settings: Settings, *, quiet: bool) -> int:
    """Take agents in, and lead callers to the applications behind them.

    Runs sshd and HAProxy and the backchannel, stays in the foreground, writes the log to its file
    and to standard error, and ends on Ctrl-C or when it is told to. Started as root it becomes the
    account that the configuration names, and refuses to run if it names none.
    """
    require_gateway()
    from ground2cloud.roles.gateway import start  # noqa: PLC0415 - or --help would load everything

    return start.run(config_path(settings), stderr=not quiet, debug=settings.debug)
