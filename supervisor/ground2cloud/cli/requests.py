"""`ground2cloud reload`, `pause`, `resume`, `restart`: ask the running agent, and wait."""

from collections.abc import Callable
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
from ground2cloud.web.messages import Answer, ServiceStatus

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
    return report(find_agent(settings).reload(), "reloaded", refused=EXIT_CONFIG)


@click.command()
@common_options
@click.argument("name")
@click.pass_obj
def pause(settings: Settings, name: str) -> int:
    """Take the service NAME off the gateway until it is resumed."""
    return report(find_agent(settings).pause(name), f"{name} is paused")


@click.command()
@common_options
@click.argument("name")
@click.pass_obj
def resume(settings: Settings, name: str) -> int:
    """Offer the paused service NAME on the gateway again.

    Waits until it is up, 30 seconds at most.
    """
    client = find_agent(settings)
    begun = clock.monotonic()
    answer = client.resume(name)
    if not answer.ok:
        return report(answer, "")
    return _wait(client, begun, "resumed", lambda one: one.name == name and one.state != "up")


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
        return report(answer, "")
    return _wait(client, begun, "restarted", lambda one: one.state == "down")


def report(
    answer: Answer, done: str, *, refused: int = EXIT_FAILURE, who: str = "the agent"
) -> int:
    """Print what came of a request, and answer the exit code: `refused` where it names faults."""
    if answer.ok:
        click.echo(printable(answer.message or done, _LIMIT))
        return 0
    lines = list(answer.problems)
    if answer.message or not lines:
        lines.insert(0, answer.message or f"{who} could not do it, and does not say why")
    for line in lines[:-1]:
        complain(line)
    complain(lines[-1], answer.hint or ("what ran before goes on" if answer.problems else ""))
    return refused if answer.problems else EXIT_FAILURE


def _wait(
    client: ApiClient, begun: float, done: str, is_missing: Callable[[ServiceStatus], bool]
) -> int:
    """Wait until no service is missing any more, and say how that went."""
    while True:
        found = client.status()
        missing = [service.name for service in found.services if is_missing(service)]
        took = clock.monotonic() - begun
        if not missing or took > _UP_WITHIN:
            break
        Event().wait(_LOOK_EVERY)
    if not missing:
        click.echo(f"{done}: {printable(found.summary, _LIMIT)} after {duration(took)}")
        return 0
    names = printable(", ".join(missing), _LIMIT)
    complain(f"{done}, but not up after {took:.0f} s: {names}", "ground2cloud status says why")
    return EXIT_FAILURE
