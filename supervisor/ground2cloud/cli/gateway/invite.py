"""`ground2cloud gateway invite`: the line that lets one agent register."""

import click

from ground2cloud.cli.gateway.opening import office, say
from ground2cloud.cli.gateway.spans import Span
from ground2cloud.cli.settings import Settings, common_options
from ground2cloud.cli.words import duration
from ground2cloud.core.clock import iso, wall


@click.command()
@common_options
@click.option("--name", help="What the agent is to be called here; else what it calls itself.")
@click.option("--services", default="", help="The only services it may offer: a,b,c (else any).")
@click.option("--expires", type=Span(), default="1h", show_default=True, help="Good for so long.")
@click.option(
    "--renew",
    type=click.IntRange(min=1),
    metavar="ID",
    help="Give the registration ID a new key and token instead; it keeps number and ports.",
)
@click.pass_obj
def invite(
    settings: Settings, *, name: str | None, services: str, expires: float, renew: int | None
) -> None:
    """Print a join string, with which one agent can register once.

    It is a secret until it has been used or has expired: whoever has it can register. On the
    agent's machine: ground2cloud register JOIN_STRING --service NAME=KIND:HOST:PORT
    """
    from ground2cloud.config.join import Join, encode  # noqa: PLC0415 - or --help would load it
    from ground2cloud.registry.records import Invite  # noqa: PLC0415 - the same
    from ground2cloud.roles.gateway import foundation  # noqa: PLC0415 - the same

    only = tuple(part.strip() for part in services.split(",") if part.strip())
    with office(settings) as here:
        foundation.require_authorities(here.places, here.registry)
        pin = foundation.certificates(here.config, here.places).pin
        now = wall()
        token = here.registry.invite(Invite(name, only, now + expires, renew), now)
        fields = {"name": name, "services": list(only) or None, "renews": renew}
        here.note("invited", expires=iso(now + expires), **fields)
        public = here.config
        click.echo(encode(Join(public.gateway.host, public.backchannel.port, token, pin)))
    say(f"good for one registration within {duration(expires)}; on the agent's machine:", err=True)
    service = f"{only[0] if only else 'NAME'}=KIND:HOST:PORT"
    say(f"  ground2cloud register JOIN_STRING --service {service}", err=True)
