"""From what `status` shows to what the gateway is told of it. Pure."""

from ground2cloud.backchannel.messages import HeartbeatRequest, LaneReport, ServiceReport
from ground2cloud.config.model import MOST_SERVICES
from ground2cloud.logs.escape import printable
from ground2cloud.web.messages import LaneStatus, ServiceStatus, Status

_LINE = 200  # characters, as messages.Line
_LANES = 32  # as messages.HeartbeatRequest


def heartbeat(status: Status, now: float) -> HeartbeatRequest:
    """Make the heartbeat; `now` is the wall clock, in seconds since 1970."""
    lanes = [_lane(lane, lane.slot) for lane in status.lanes if lane.slot is not None]
    return HeartbeatRequest(
        version=_line(status.version),
        time=max(0.0, now),
        lanes=tuple(lanes[:_LANES]),
        services=tuple(_service(each) for each in status.services[:MOST_SERVICES]),
    )


def _lane(lane: LaneStatus, slot: str) -> LaneReport:
    return LaneReport(
        slot=slot,
        state=lane.state,  # type: ignore[arg-type] # State has exactly these words
        ready_for=lane.uptime,
        round_trip=lane.round_trip,
        last_error=_line(lane.last_error or ""),
    )


def _service(service: ServiceStatus) -> ServiceReport:
    light = service.lights.application
    return ServiceReport(
        name=service.name,
        paused=service.state == "paused",
        application=light.state,
        detail=_line(light.detail),
    )


def _line(text: str) -> str:
    return printable(text, _LINE)[:_LINE]
