"""`ground2cloud register`, `unregister`, `rotate-key`: this machine as an agent of a gateway."""

import click

from ground2cloud.cli.settings import Settings, common_options


@click.command()
@common_options
@click.argument("join_string")
@click.option("--name", default="", help="What the gateway's operator shall call this machine.")
@click.option(
    "--service",
    "services",
    multiple=True,
    metavar="NAME=KIND:HOST:PORT",
    help="An application to offer; only where there is no configuration file yet.",
)
@click.option("--force", is_flag=True, help="Replace the registration that this machine has.")
@click.pass_obj
def register(
    settings: Settings, join_string: str, *, name: str, services: tuple[str, ...], force: bool
) -> None:
    """Join the gateway whose operator handed out JOIN_STRING.

    Makes a key, tells the gateway of it and of the services in the configuration file, and keeps
    what the gateway answers. A running agent takes it up at once. With - the join string is read
    from standard input, where no other user of this machine can see it.

    The same command may be given again when it was cut off or got no answer.
    """
    from ground2cloud.cli.membership import join  # noqa: PLC0415 - or --help would load ssh

    join(settings, join_string, name, services, force=force)


@click.command()
@common_options
@click.option("--force", is_flag=True, help="Forget it here even if the gateway can't be told.")
@click.pass_obj
def unregister(settings: Settings, *, force: bool) -> None:
    """Leave the gateway: give the registration up, there and here.

    A running agent ends its connections at once. The configuration file stays.
    """
    from ground2cloud.cli.membership import leave  # noqa: PLC0415 - or --help would load ssh

    leave(settings, force=force)


@click.command("rotate-key")
@common_options
@click.pass_obj
def rotate_key(settings: Settings) -> None:
    """Replace the key with which this machine logs in on its gateway.

    Number and ports stay; connections are made anew once at most. Both keys are good until the new
    one has carried a connection; if that fails, nothing has changed.
    """
    from ground2cloud.cli.membership import renew_key  # noqa: PLC0415 - or --help would load ssh

    renew_key(settings)
