"""The command `ground2cloud` itself: its options and the list of its commands."""

import click

from ground2cloud import __version__
from ground2cloud.cli.group import LazyGroup
from ground2cloud.cli.settings import common_options

COMMANDS = {
    "demo": "ground2cloud.cli.demo:demo",
    "init": "ground2cloud.cli.init:init",
    "register": "ground2cloud.cli.registration:register",
    "unregister": "ground2cloud.cli.registration:unregister",
    "rotate-key": "ground2cloud.cli.registration:rotate_key",
    "check": "ground2cloud.cli.check:check",
    "doctor": "ground2cloud.cli.doctor:doctor",
    "run": "ground2cloud.cli.run:run",
    "status": "ground2cloud.cli.status:status",
    "logs": "ground2cloud.cli.logs:logs",
    "reload": "ground2cloud.cli.requests:reload",
    "pause": "ground2cloud.cli.requests:pause",
    "resume": "ground2cloud.cli.requests:resume",
    "restart": "ground2cloud.cli.requests:restart",
    "stop": "ground2cloud.cli.stop:stop",
    "healthcheck": "ground2cloud.cli.healthcheck:healthcheck",
    "service": "ground2cloud.cli.service:service",
    "schema": "ground2cloud.cli.schema:schema",
    "gateway": "ground2cloud.cli.gateway:gateway",
    "connect": "ground2cloud.cli.connect:connect",
}
"""Every command and where it is, in the order in which a user meets them."""


@click.group(
    cls=LazyGroup,
    lazy=COMMANDS,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(__version__, message="ground2cloud %(version)s")
@common_options
@click.pass_context
def app(ctx: click.Context) -> None:
    """Make a private application reachable on a public machine.

    This machine keeps a connection to the public machine (the gateway) open and brings it back
    whenever it breaks. Who asks the gateway reaches the application here.

    The first steps: ground2cloud init, then check, doctor and run.
    """
    if ctx.invoked_subcommand is None:
        click.echo(ctx.get_help())
