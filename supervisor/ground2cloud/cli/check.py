"""`ground2cloud check`: is the configuration file good?"""

import click
import msgspec

from ground2cloud.cli.running import config_path
from ground2cloud.cli.settings import Settings, common_options
from ground2cloud.cli.words import count
from ground2cloud.config.load import load_agent
from ground2cloud.errors import ConfigError, Problem
from ground2cloud.logs.escape import printable

_LIMIT = 300


class _Result(msgspec.Struct):
    ok: bool
    file: str
    services: int = 0
    problems: tuple[Problem, ...] = ()


@click.command()
@common_options
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
@click.pass_obj
def check(settings: Settings, *, as_json: bool) -> int:
    """Say whether the configuration file is good.

    Names everything that is wrong with it. Looks at the file alone; doctor tries what it says. The
    exit code is 78 if it can't be used.
    """
    path = config_path(settings)
    try:
        config = load_agent(path)
    except ConfigError as error:
        if not as_json:
            raise
        _print(_Result(ok=False, file=str(path), problems=error.problems))
        return error.exit_code
    if as_json:
        _print(_Result(ok=True, file=str(path), services=len(config.service)))
    else:
        name = printable(path.name, _LIMIT)
        click.echo(f"{name}: good, {count(len(config.service), 'service')}")
    return 0


def _print(result: _Result) -> None:
    click.echo(msgspec.json.format(msgspec.json.encode(result), indent=2))
