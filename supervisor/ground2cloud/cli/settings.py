"""The options that every command takes, before or after its name."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import click

ENVIRONMENT = "GROUND2CLOUD_CONFIG"

F = TypeVar("F", bound=Callable[..., Any])


@dataclass
class Settings:
    """What the common options say; the object of click's context. `config` None: the default."""

    config: Path | None = None
    debug: bool = False


def common_options(command: F) -> F:
    """Give a command `--config` and `--debug`; it finds them in `Settings` (`click.pass_obj`)."""
    config = click.option(
        "--config",
        # Whether it can be read is for the command to say, with the exit code for that.
        type=click.Path(path_type=Path, readable=False),
        expose_value=False,
        callback=_remember,
        help=f"The configuration file, instead of the usual one (or set {ENVIRONMENT}).",
    )
    debug = click.option(
        "--debug",
        is_flag=True,
        default=None,
        expose_value=False,
        callback=_remember,
        help="Show where in the program an error comes from.",
    )
    return config(debug(command))


def _remember(ctx: click.Context, param: click.Parameter, value: Any) -> None:  # noqa: ANN401 - click's signature
    settings = ctx.ensure_object(Settings)
    if value is not None and param.name is not None:
        setattr(settings, param.name, value)
