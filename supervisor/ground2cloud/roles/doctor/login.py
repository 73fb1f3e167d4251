"""The links that only ssh itself can prove: its settings, host key, login, forward."""

from msgspec.structs import replace

from ground2cloud.config.identity import Identity
from ground2cloud.config.locations import Locations
from ground2cloud.config.model import AgentConfig
from ground2cloud.roles.doctor.finding import (
    NO_SERVICE,
    NOT_TRIED,
    Finding,
    Result,
    bad,
    good,
    unknown,
)
from ground2cloud.roles.doctor.trial import try_lane, try_settings
from ground2cloud.roles.registration.way import ELSEWHERE
from ground2cloud.web.messages import LaneStatus, Status

STEPS = ("host key", "login", "forward")
"""The links, in their order."""

_HOST_KEY, _LOGIN, _FORWARD = STEPS

_GOOD = {
    _HOST_KEY: "the gateway is the one that is trusted",
    _LOGIN: "the gateway lets this machine in",
}

BROKEN = {
    "host-key-changed": _HOST_KEY,
    "host-key-unknown": _HOST_KEY,
    "no-common-algorithm": _HOST_KEY,
    "key-missing": _LOGIN,
    "key-unusable": _LOGIN,
    "key-encrypted": _LOGIN,
    "permission-denied": _LOGIN,
    "forward-refused": _FORWARD,
    "port-taken": _FORWARD,
    "session-refused": _FORWARD,
}
"""By the reason of a verdict, the link that it shows to be broken. The links before it hold."""


async def look_at_settings(
    config: AgentConfig, places: Locations, identity: Identity | None
) -> Finding:
    """See whether ssh understands what `[ssh]` makes of its own configuration."""
    verdict = await try_settings(config, places, identity)
    if verdict is not None:
        return bad("settings", verdict.message, verdict.hint)
    return good("settings", "ssh takes [ssh] and [ssh.options]")


async def log_in(
    config: AgentConfig, places: Locations, identity: Identity | None = None
) -> list[Finding]:
    """Find out by a login of our own; of a registered agent at its first endpoint that lets it."""
    trial = await try_lane(config, places, identity=identity)
    if identity is not None:
        for endpoint in identity.endpoint[1:]:
            if trial.verdict is None or trial.verdict.reason not in ELSEWHERE:
                break
            there = replace(identity, endpoint=(endpoint,))
            trial = await try_lane(config, places, identity=there)
    if trial.verdict is None:
        return _proved(config, trial.seconds)
    verdict = trial.verdict
    return _broken(verdict.reason, verdict.message, verdict.hint, trial.seconds)


def read_status(config: AgentConfig, status: Status) -> list[Finding]:
    """Take it from the agent that runs; it has the ports that a login of our own would ask for."""
    troubled = next((lane for lane in status.lanes if lane.state != "ready"), None)
    if not status.lanes:
        return [unknown(step, "every service is paused") for step in STEPS]
    if troubled is None:
        return _proved(config, None)
    return _broken(troubled.reason, _trouble(troubled), troubled.hint, None)


def _trouble(lane: LaneStatus) -> str:
    return lane.last_error or f"the running agent is not through yet ({lane.state})"


def _proved(config: AgentConfig, seconds: float | None) -> list[Finding]:
    ports = ", ".join(f"{one.remote_bind}:{one.remote_port}" for one in config.service)
    forward = good(_FORWARD, f"the gateway listens on {ports}")
    if not config.service:
        forward = unknown(_FORWARD, NO_SERVICE)
    return [*(good(step, _GOOD[step]) for step in STEPS[:-1]), replace(forward, seconds=seconds)]


def _broken(reason: str, message: str, hint: str, seconds: float | None) -> list[Finding]:
    """Place the trouble in the chain; at its first link if it doesn't tell how far it came."""
    place = STEPS.index(BROKEN.get(reason, _HOST_KEY))
    return [
        *(good(step, _GOOD[step]) for step in STEPS[:place]),
        Finding(STEPS[place], Result.BAD, message, hint, seconds),
        *(unknown(step, NOT_TRIED) for step in STEPS[place + 1 :]),
    ]
