"""`ground2cloud gateway schema`: what gateway.toml may say, for editors."""

import click
import msgspec

from ground2cloud.cli.settings import common_options
from ground2cloud.config.schema import gateway_schema


@click.command()
@common_options
def schema() -> None:
    """Print the JSON Schema of the configuration file.

    Editors that know it complete and check the file while it is written.
    """
    click.echo(msgspec.json.format(msgspec.json.encode(gateway_schema()), indent=2))
