"""Groups of commands: with a readable list, and one that imports them when they are asked for.

`ground2cloud --version` and `status` must answer at once, whatever `run` and `doctor` need.
"""

from collections.abc import Mapping
from importlib import import_module

import click

from ground2cloud.errors import Ground2CloudError

_LONGEST = 500  # characters of a first sentence; none is nearly as long


class Group(click.Group):
    """A group whose help page shows the first sentence of each command whole, however narrow."""

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the list of the commands."""
        found = [(name, self.get_command(ctx, name)) for name in self.list_commands(ctx)]
        with formatter.section("Commands"):
            formatter.write_dl(
                [
                    (name, command.get_short_help_str(limit=_LONGEST))
                    for name, command in found
                    if command is not None
                ]
            )


class LazyGroup(Group):
    """A group of commands given as `module:attribute`, in the order of the help page.

    Args:
        lazy: where each command is.
    """

    def __init__(self, *args: object, lazy: Mapping[str, str], **kwargs: object) -> None:
        super().__init__(*args, **kwargs)  # type: ignore[arg-type] # click's own arguments
        self._lazy = dict(lazy)

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """Name every command, in the order in which a user needs them."""
        return list(self._lazy)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 - click's signature
        """Import a command; None if there is none of this name."""
        if cmd_name not in self._lazy:
            return None
        module, _, attribute = self._lazy[cmd_name].partition(":")
        command = getattr(import_module(module), attribute)
        assert isinstance(command, click.Command)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command, or say which one was probably meant."""
        if not args[0].startswith("-") and args[0] not in self._lazy:
            raise Ground2CloudError(f'there is no command "{args[0]}"', self._hint(args[0]))
        return super().resolve_command(ctx, args)

    def _hint(self, name: str) -> str:
        from difflib import get_close_matches  # noqa: PLC0415 - 5 ms that only a mistake costs

        close = get_close_matches(name, self._lazy, n=1)
        return f"did you mean {close[0]}?" if close else "ground2cloud --help lists them all"
