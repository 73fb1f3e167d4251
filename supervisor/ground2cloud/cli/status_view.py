"""The status as a person reads it: services with their four lights, then the lanes.

Pure: from a `Status` to lines. Everything in it may have come from a server: all of it is escaped.
"""

from collections.abc import Iterator

from ground2cloud.cli.table import Cell, columns, paint
from ground2cloud.cli.words import Marks, ago, count, duration, size
from ground2cloud.logs.escape import printable
from ground2cloud.web.messages import LaneStatus, Light, RegistrationStatus, ServiceStatus, Status

_LIMIT = 300
_GOOD, _BAD, _FAINT = "green", "red", "bright_black"
_COLOR = {"up": _GOOD, "down": _BAD, "unknown": "", "paused": "yellow"}

LIGHTS = {
    "ssh": "the connection to the gateway is down",
    "listener": "the gateway does not listen for this service",
    "path": "nothing comes through the tunnel",
    "application": "the application does not answer",
}
"""The lights in the order in which a request meets them, and what it means that one is out."""

_LANE_WORDS = {
    "draining": "ending",
    "backoff": "waiting",
    "blocked": "blocked",
    "stopped": "stopped",
}


def status_lines(status: Status, now: str, marks: Marks) -> list[str]:
    """Set the whole status. `now` is the wall clock in ISO 8601, as the times in the status are."""
    lines = [*_head(status), *_problems(status)]
    if status.services:
        lines += ["", *_services(status, now, marks)]
    if status.lanes:
        lines += ["", *_lanes(status, now, marks)]
    return lines


def _head(status: Status) -> Iterator[str]:
    up = all(service.state == "up" for service in status.services)
    summary = paint(printable(status.summary, _LIMIT), _GOOD if up else _BAD)
    yield (
        f"Ground2Cloud {printable(status.version, _LIMIT)}: {summary},"
        f" running for {duration(status.uptime)} (process {status.pid})"
    )
    yield f"gateway        {printable(status.gateway, _LIMIT)}"
    if status.registration is not None:
        yield from _registration(status.registration)
    yield f"configuration  {printable(status.config, _LIMIT)}"
    if status.log is not None:
        yield f"log            {printable(status.log, _LIMIT)}"
    if status.log_trouble:
        yield paint(f"  {printable(status.log_trouble, _LIMIT)}", _BAD)


def _registration(found: RegistrationStatus) -> Iterator[str]:
    if found.id is not None:
        name = f" ({found.name})" if found.name else ""
        ways = "" if len(found.endpoints) == 1 else f", {len(found.endpoints)} ways to it"
        rotating = ", a new key is not proven yet" if found.rotating else ""
        yield printable(f"registration   {found.id}{name}{ways}{rotating}", _LIMIT)
        light = found.light
        words = {"up": "answers", "down": "can't be used"}.get(light.state, "not asked yet")
        detail = f": {light.detail}" if light.detail and light.state == "down" else ""
        text = printable(f"{found.backchannel} {words}{detail}{_clock(found)}", _LIMIT)
        yield f"backchannel    {paint(text, _BAD if light.state == 'down' else '')}"
    if found.problem:
        yield paint(f"registration   {printable(found.problem, _LIMIT)}", _BAD)
        if found.hint:
            yield f"  hint: {printable(found.hint, _LIMIT)}"


def _clock(found: RegistrationStatus) -> str:
    if found.clock_skew is None:
        return ""
    word = "behind" if found.clock_skew > 0 else "ahead"
    return f"; clock here {abs(found.clock_skew):.1f} s {word}"


def _problems(status: Status) -> Iterator[str]:
    if status.problems:
        yield ""
        yield paint(
            "The configuration file can't be used as it is now; what ran before goes on:", _BAD
        )
        yield from (f"  {printable(problem, _LIMIT)}" for problem in status.problems)


def _services(status: Status, now: str, marks: Marks) -> Iterator[str]:
    titles = ("SERVICE", "STATE", *map(str.upper, LIGHTS), "FROM THE GATEWAY TO THE APPLICATION")
    head = [Cell(title, _FAINT) for title in titles]
    rows = [_service_row(service, now, marks) for service in status.services]
    title, *lines = columns([head, *rows])
    yield title
    for line, service in zip(lines, status.services, strict=True):
        yield line
        yield from _out(service, marks)
    yield paint(
        f"{marks.good} works  {marks.bad} does not  {marks.unknown} not known;"
        " the time says when that was last seen",
        _FAINT,
    )


def _service_row(service: ServiceStatus, now: str, marks: Marks) -> list[Cell]:
    return [
        Cell(service.name),
        Cell(service.state, _COLOR.get(service.state, "")),
        *(_light(getattr(service.lights, name), now, marks) for name in LIGHTS),
        Cell(f"{service.remote or marks.unknown} {marks.arrow} {service.target} ({service.kind})"),
    ]


def _light(light: Light, now: str, marks: Marks) -> Cell:
    mark = {"up": marks.good, "down": marks.bad}.get(light.state, marks.unknown)
    return Cell(f"{mark} {ago(light.at, now)}".rstrip(), _COLOR.get(light.state, ""))


def _out(service: ServiceStatus, marks: Marks) -> Iterator[str]:
    """Say of each light that is out what that means."""
    if service.state == "paused":
        return
    for name, meaning in LIGHTS.items():
        light: Light = getattr(service.lights, name)
        if light.state == "down":
            text = f"{name}: {printable(light.detail or meaning, _LIMIT)}"
            yield paint(f"  {marks.bad} {text}", _BAD)


def _lanes(status: Status, now: str, marks: Marks) -> Iterator[str]:
    titles = (
        "LANE",
        "STATE",
        "UP FOR",
        "RESTARTS",
        "ROUND TRIP",
        "CONNECTIONS",
        "RECEIVED",
        "MEMORY",
    )
    head = [Cell(title, _FAINT) for title in titles]
    title, *lines = columns([head, *(_lane_row(lane, marks) for lane in status.lanes)])
    yield title
    for line, lane in zip(lines, status.lanes, strict=True):
        yield line
        yield from _trouble(lane, now)


def _lane_row(lane: LaneStatus, marks: Marks) -> list[Cell]:
    def known(value: str | None) -> Cell:
        return Cell(marks.unknown if value is None else value)

    color = {"ready": _GOOD, "blocked": _BAD, "backoff": _BAD}.get(lane.state, "")
    return [
        Cell(lane.name),
        Cell(_LANE_WORDS.get(lane.state, lane.state), color),
        known(None if lane.uptime is None else duration(lane.uptime)),
        Cell(str(lane.restarts)),
        known(None if lane.round_trip is None else duration(lane.round_trip)),
        known(None if lane.connections is None else str(lane.connections)),
        known(None if lane.bytes_read is None else size(lane.bytes_read)),
        known(None if lane.memory is None else size(lane.memory)),
    ]


def _trouble(lane: LaneStatus, now: str) -> Iterator[str]:
    """Say why a lane is not ready, when it is tried again and what to do."""
    if lane.last_error is not None:
        when = ago(lane.last_error_at, now)
        yield f"  last error{f', {when}' if when else ''}: {printable(lane.last_error, _LIMIT)}"
    if lane.state == "ready":
        return
    if lane.hint:
        yield f"  hint: {printable(lane.hint, _LIMIT)}"
    if lane.next_try_in is not None:
        tries = f" after {count(lane.failures, 'failure')}" if lane.failures else ""
        yield f"  next try in {duration(lane.next_try_in)}{tries}"
