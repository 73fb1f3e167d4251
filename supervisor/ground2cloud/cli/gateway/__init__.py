"""`ground2cloud gateway`: run the public machine, and say who may use it."""

import click

from ground2cloud.cli.group import LazyGroup
from ground2cloud.cli.settings import common_options

_HERE = "ground2cloud.cli.gateway"

COMMANDS = {
    "init": f"{_HERE}.init:init",
    "check": f"{_HERE}.check:check",
    "run": f"{_HERE}.run:run",
    "reload": f"{_HERE}.reload:reload",
    "restart": f"{_HERE}.restart:restart",
    "invite": f"{_HERE}.invite:invite",
    "status": f"{_HERE}.status:status",
    "agents": f"{_HERE}.agents:agents",
    "revoke": f"{_HERE}.revoke:revoke",
    "element": f"{_HERE}.element:element",
    "schema": f"{_HERE}.schema:schema",
}
"""Every command and where it is, in the order in which an operator meets them."""


@click.group(cls=LazyGroup, lazy=COMMANDS)
@common_options
def gateway() -> None:
    """Run a gateway, and say who may use it.

    A gateway is the public machine that agents connect to. Who holds an element key reaches,
    through it, the applications behind them.

    The first steps: ground2cloud gateway init, then run, and invite for each agent.
    """
