"""`ground2cloud gateway restart`: begin anew without ending a lane."""

from threading import Event

import click
import psutil

from ground2cloud.cli.gateway.opening import config_path, find_gateway, say
from ground2cloud.cli.requests import report
from ground2cloud.cli.settings import Settings, common_options
from ground2cloud.cli.words import duration
from ground2cloud.config.load import load_gateway
from ground2cloud.core import clock
from ground2cloud.errors import EXIT_CONFIG, Ground2CloudError
from ground2cloud.web.gateway_messages import GatewayStatus

_WITHIN = 30.0  # seconds; it takes two
_LOOK_EVERY = 0.05


@click.command()
@common_options
@click.pass_obj
def restart(settings: Settings) -> int:
    """Begin anew, with the program that is installed now, and keep the lanes.

    For an upgrade, and for what a reload does not take up. Lanes stay up, but for those that come
    through the port of HTTPS; callers are cut off, and refused for a second or two. A configuration
    that can't be used changes nothing, and the exit code is 78.
    """
    client = find_gateway(settings)
    begun = clock.monotonic()
    before = client.gateway()
    answer = client.restart()
    if not answer.ok:
        return report(answer, "", refused=EXIT_CONFIG, who="the gateway")
    after = _wait(settings, before, begun + _WITHIN)
    say(f"restarted in {duration(clock.monotonic() - begun)}: {after.summary}")
    router = load_gateway(config_path(settings)).router
    if router.ssh_on_https_port:
        say(f"lanes through port {router.https_port} ended with the router; agents bring them back")
    return 0


def _wait(settings: Settings, before: GatewayStatus, deadline: float) -> GatewayStatus:
    """Wait until the next run is up.

    Raises:
        Ground2CloudError: it is not, in time or ever.
    """
    while clock.monotonic() < deadline:
        Event().wait(_LOOK_EVERY)
        try:
            now = find_gateway(settings).gateway()
        except Ground2CloudError:
            if _has_ended(before.pid):
                raise Ground2CloudError(
                    "the gateway has ended and is not back; its lanes are left as they are",
                    f"ground2cloud gateway run says why, or its log: {before.log}",
                ) from None
            continue
        if now.started_at != before.started_at and all(c.state == "ready" for c in now.children):
            return now
    raise Ground2CloudError(f"the gateway is not back after {_WITHIN:g} s", f"see {before.log}")


def _has_ended(pid: int) -> bool:
    try:
        # In a container nobody may collect what has ended.
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True
