"""`ground2cloud demo`: see all of it on one machine."""

import sys

import click

from ground2cloud.cli.gateway.opening import require_gateway
from ground2cloud.cli.outcome import EXIT_INTERRUPTED
from ground2cloud.cli.settings import common_options
from ground2cloud.cli.table import paint
from ground2cloud.cli.words import Marks, marks_for
from ground2cloud.core.clock import monotonic
from ground2cloud.logs.escape import printable

_LIMIT = 300


@click.command()
@common_options
def demo() -> int:
    """Show all of it on this machine, with a gateway of its own.

    Everything is real (ssh, sshd, HAProxy, PostgreSQL where its server is installed), listens on
    loopback only, has its files in a temporary directory and is gone at the end. Takes about 10
    seconds and needs no rights; what it needs beside this program are the packages of a gateway
    (pip install '.[gateway]'), OpenSSH's client and server, and HAProxy.
    """
    require_gateway()
    from ground2cloud.roles.demo import play  # noqa: PLC0415 - or --help would load everything

    began = monotonic()
    if not play.run(Printer(marks_for(sys.stdout))):
        click.echo("\nended; nothing is left of it", err=True)
        return EXIT_INTERRUPTED
    click.echo()
    click.echo(f"All of it happened, in {monotonic() - began:.1f} s. Nothing is left of it.")
    return 0


class Printer:
    """Prints the story as it happens; see `roles.demo.telling`."""

    def __init__(self, marks: Marks) -> None:
        self._marks = marks
        self._scene = 0

    def title(self, text: str) -> None:
        """Print the first line."""
        click.echo(click.style(printable(text, _LIMIT), bold=True))
        click.echo()

    def scene(self, text: str) -> None:
        """Print the head of a numbered part."""
        self._scene += 1
        click.echo()
        click.echo(click.style(f"{self._scene}. {printable(text, _LIMIT)}", bold=True))

    def note(self, text: str) -> None:
        """Print an explanation."""
        click.echo(f"   {printable(text, _LIMIT)}".rstrip())

    def command(self, text: str) -> None:
        """Print what a person types."""
        for number, line in enumerate(text.splitlines()):
            click.echo(paint(f"   {' ' if number else '$'} {printable(line, _LIMIT)}", "cyan"))

    def said(self, text: str) -> None:
        """Print what a program said, set off."""
        for line in text.rstrip().splitlines():
            click.echo(f"     {printable(line, _LIMIT)}".rstrip())

    def proof(self, text: str, when: str = "") -> None:
        """Print what was seen to be so."""
        line = f"   {self._marks.good} {printable(text, _LIMIT)}"
        click.echo(paint(line, "green") + (f"  {when}" if when else ""))
