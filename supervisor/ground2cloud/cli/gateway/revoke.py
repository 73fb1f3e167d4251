"""`ground2cloud gateway revoke`: end a registration for good."""

import click

from ground2cloud.cli.gateway.opening import office, say
from ground2cloud.cli.settings import Settings, common_options
from ground2cloud.core.clock import wall


@click.command()
@common_options
@click.argument("registrations", type=click.IntRange(min=1), nargs=-1, required=True, metavar="ID…")
@click.pass_obj
def revoke(settings: Settings, *, registrations: tuple[int, ...]) -> None:
    """Revoke registrations: their lanes end within a second, and never come back.

    Key and token of a revoked registration are refused for good, and its number and ports are
    given to nobody else. Its agent can register again with a new join string, as a new one.
    """
    with office(settings) as here:
        for identity in registrations:
            found = here.registry.revoke(identity, wall())
            here.note("revoked", registration=identity, name=found.name)
            here.tell(identity)
            say(f"registration {identity} ({found.name}) is revoked")
