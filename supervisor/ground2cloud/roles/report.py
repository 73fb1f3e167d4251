"""From what the agent knows to what `status` shows; reads only, asks nobody."""

from collections.abc import Mapping
from typing import Literal

from ground2cloud.config.model import Service
from ground2cloud.core.addresses import join
from ground2cloud.core.clock import iso_at, monotonic
from ground2cloud.core.machine import Child
from ground2cloud.core.run import Run
from ground2cloud.core.states import State
from ground2cloud.core.usage import Usage
from ground2cloud.roles.checks import Check
from ground2cloud.roles.lane import Lane
from ground2cloud.roles.registration.paths import Proof
from ground2cloud.web.messages import LaneStatus, Light, Lights, ServiceStatus

NO_PATH = Light("unknown", None, "nothing is sent down the whole path to prove it")
UNPROVED = Light("unknown", None, "not proved yet")


def lane_status(lane: Lane, child: Child, run: Run | None, usage: Usage | None) -> LaneStatus:
    """What is known of a lane now."""
    now = monotonic()
    ready = child.state is State.READY
    heart = run.heartbeat if run is not None else None
    verdict = child.verdict
    waiting = child.state in {State.BACKOFF, State.BLOCKED} and child.deadline is not None
    return LaneStatus(
        name=lane.name,
        state=str(child.state),
        services=tuple(service.name for service in lane.services),
        session="held" if heart is not None and heart.answered_at is not None else lane.session,
        pid=run.pid if run is not None else None,
        uptime=now - lane.ready_at if ready and lane.ready_at is not None else None,
        ready_in=lane.ready_in if ready else None,
        restarts=child.restarts,
        failures=child.failures,
        next_try_in=max(0.0, (child.deadline or now) - now) if waiting else None,
        last_error=verdict.message if verdict is not None and lane.failed_at else None,
        last_error_at=iso_at(lane.failed_at),
        hint=verdict.hint if verdict is not None and not ready else "",
        reason=verdict.reason if verdict is not None and not ready else "",
        round_trip=heart.round_trip if heart is not None else None,
        round_trip_at=iso_at(heart.answered_at) if heart is not None else None,
        cpu_percent=usage.cpu_percent if usage is not None else None,
        memory=usage.memory if usage is not None else None,
        connections=usage.connections if usage is not None else None,
        bytes_read=usage.bytes_read if usage is not None else None,
        slot=lane.slot,
    )


def service_status(
    service: Service,
    lane: Lane | None,
    child: Child | None,
    run: Run | None,
    check: Check | None,
    *,
    proof: Proof | None = None,
    waits_for: str = "",
) -> ServiceStatus:
    """What is known of a service now.

    `lane` is None for a paused one, and for one that can't have a lane because it `waits_for`
    something. `proof` is the newest of its lane's path.
    """
    ready = child is not None and child.state is State.READY
    state: Literal["up", "down", "paused"] = "up" if ready else "down"
    idle = waits_for or "paused"
    return ServiceStatus(
        name=service.name,
        kind=str(service.kind),
        target=join(service.host, service.port),
        remote=_remote(service, lane),
        state="paused" if lane is None and not waits_for else state,
        lane=lane.name if lane is not None else None,
        lights=Lights(
            ssh=_ssh_light(lane, child, run, idle),
            listener=_listener_light(service, lane, idle, ready=ready),
            path=_path_light(lane, idle, proof, ready=ready),
            application=_application_light(check),
        ),
    )


def _remote(service: Service, lane: Lane | None) -> str:
    """Where the gateway listens for it; empty as long as it has no port."""
    if not service.remote_port:
        return ""
    slot = lane.slot if lane is not None else None
    return join(slot or service.remote_bind, service.remote_port)


def _ssh_light(lane: Lane | None, child: Child | None, run: Run | None, idle: str) -> Light:
    if lane is None or child is None:
        return Light("unknown", None, idle)
    if child.state is State.READY:
        answered = run.heartbeat.answered_at if run is not None else None
        return Light("up", iso_at(answered or lane.ready_at))
    detail = child.verdict.message if child.verdict is not None else ""
    return Light("down", iso_at(child.since), detail or str(child.state))


def _listener_light(service: Service, lane: Lane | None, idle: str, *, ready: bool) -> Light:
    if lane is None:
        return Light("unknown", None, idle)
    if ready:
        return Light("up", iso_at(lane.confirmed_at.get(service.name, lane.ready_at)))
    return Light("down", iso_at(lane.failed_at), "no forward without ssh")


def _path_light(lane: Lane | None, idle: str, proof: Proof | None, *, ready: bool) -> Light:
    if lane is None:
        return Light("unknown", None, idle)
    if not ready:
        return Light("down", iso_at(lane.failed_at), "no path without ssh")
    if lane.probe is None:
        return NO_PATH
    if proof is None or proof.at < (lane.ready_at or 0.0):
        return UNPROVED
    if monotonic() > proof.until:
        return Light("unknown", iso_at(proof.at), "not proved lately")
    return Light("up" if proof.ok else "down", iso_at(proof.at), proof.detail)


def _application_light(check: Check | None) -> Light:
    if check is None or check.answer is None:
        return Light("unknown", None, "not asked yet")
    state: Literal["up", "down"] = "up" if check.answer.ok else "down"
    return Light(state, iso_at(check.at), check.answer.detail)


def summary(services: Mapping[str, ServiceStatus]) -> str:
    """How many are up of those that should be: `3/4 up`."""
    wanted = [each for each in services.values() if each.state != "paused"]
    up = sum(each.state == "up" for each in wanted)
    paused = len(services) - len(wanted)
    return f"{up}/{len(wanted)} up" + (f", {paused} paused" if paused else "")
