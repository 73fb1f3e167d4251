"""`ground2cloud reload`, `pause`, `resume`, `restart`: ask the running agent, and wait."""

from threading import Event

import click

from ground2cloud.cli.outcome import complain
from ground2cloud.cli.running import find_agent
from ground2cloud.cli.settings import Settings, common_options
from ground2cloud.cli.words import duration
from ground2cloud.core import clock
from ground2cloud.errors import EXIT_CONFIG, EXIT_FAILURE
from ground2cloud.logs.escape import printable
from ground2cloud.web.client import ApiClient
from ground2cloud.web.messages import Answer, Status

_LIMIT = 300
_UP_WITHIN = 30.0  # seconds; a connection takes one, a slow gateway or name server some more
_LOOK_EVERY = 0.2


@click.command()
@common_options
@click.pass_obj
def reload(settings: Settings) -> int:
    """Load the configuration file again now.

    The agent also does so by itself whenever the file is saved. A file that can't be used changes
    nothing: what runs goes on, and the exit code is 78.
    """
    return _report(find_agent(settings).reload(), "reloaded", refused=EXIT_CONFIG)


@click.command()
@common_options
@click.argument("name")
@click.pass_obj
def pause(settings: Settings, name: str) -> int:
    """Take the service NAME off the gateway until it is resumed."""
    return _report(find_agent(settings).pause(name), f"{name} is paused")


@click.command()
@common_options
@click.argument("name")
@click.pass_obj
def resume(settings: Settings, name: str) -> int:
    """Offer the paused service NAME on the gateway again."""
    return _report(find_agent(settings).resume(name), f"{name} is offered again")


@click.command()
@common_options
@click.pass_obj
def restart(settings: Settings) -> int:
    """End every connection to the gateway and make it anew.

    Waits until the services are up again, 30 seconds at most.
    """
    client = find_agent(settings)
    begun = clock.monotonic()
    answer = client.restart()
    if not answer.ok:
        return _report(answer, "")
    found = _wait_until_up(client, begun + _UP_WITHIN)
    summary = printable(found.summary, _LIMIT)
    if _is_up(found):
        click.echo(f"restarted: {summary} after {duration(clock.monotonic() - begun)}")
        return 0
    complain(
        f"restarted, but after {_UP_WITHIN:g} s not every service is up: {summary}",
        "ground2cloud status says why",
    )
    return EXIT_FAILURE


def _report(answer: Answer, done: str, *, refused: int = EXIT_FAILURE) -> int:
    if answer.ok:
        click.echo(printable(answer.message or done, _LIMIT))
        return 0
    lines = list(answer.problems)
    if answer.message or not lines:
        lines.insert(0, answer.message or "the agent could not do it, and does not say why")
    for line in lines[:-1]:
        complain(line)
    complain(lines[-1], answer.hint or ("what ran before goes on" if answer.problems else ""))
    return refused if answer.problems else EXIT_FAILURE


def _wait_until_up(client: ApiClient, deadline: float) -> Status:
    while not _is_up(found := client.status()) and clock.monotonic() < deadline:
        Event().wait(_LOOK_EVERY)
    return found


def _is_up(found: Status) -> bool:
    return all(service.state != "down" for service in found.services)
