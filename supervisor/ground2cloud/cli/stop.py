"""`ground2cloud stop`: end the agent and wait until it has ended."""

import click
import psutil

from ground2cloud.cli.running import find_agent, not_running
from ground2cloud.cli.settings import Settings, common_options
from ground2cloud.core import clock
from ground2cloud.errors import Ground2CloudError

_WITHIN = 15.0  # seconds; the agent ends within 5
_LOOK_EVERY = 0.1


@click.command()
@common_options
@click.pass_obj
def stop(settings: Settings) -> None:
    """End the agent and its connections, and wait until it has ended.

    A service manager may start it again: stop a service with the service manager.
    """
    client = find_agent(settings)
    try:
        # Found before it is asked to end: its number may be another's soon after.
        process = psutil.Process(client.pid)
    except psutil.NoSuchProcess:
        raise not_running(settings) from None
    answer = client.stop()
    if not answer.ok:
        raise Ground2CloudError(answer.message or "the agent refuses to end", answer.hint)
    _wait_for_end(process)
    click.echo("stopped")


def _wait_for_end(process: psutil.Process) -> None:
    deadline = clock.monotonic() + _WITHIN
    while clock.monotonic() < deadline:
        try:
            process.wait(_LOOK_EVERY)
        except psutil.TimeoutExpired:
            # In a container nobody may collect what has ended.
            if process.status() == psutil.STATUS_ZOMBIE:
                return
        else:
            return
    raise Ground2CloudError(
        f"the agent (process {process.pid}) has not ended after {_WITHIN:g} s",
        "see its log; if it hangs, end that process",
    )
