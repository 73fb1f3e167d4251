"""The gateway's status and its agents as a person reads them. Pure; everything is escaped."""

from collections.abc import Iterator

from ground2cloud.cli.table import Cell, columns, paint
from ground2cloud.cli.words import Marks, ago, count, duration, size
from ground2cloud.logs.escape import printable
from ground2cloud.web.gateway_messages import Agents, AgentView, ChildView, GatewayStatus
from ground2cloud.web.messages import Light

_LIMIT = 300
_GOOD, _BAD, _FAINT = "green", "red", "bright_black"
_COLOR = {"active": _GOOD, "degraded": "yellow", "no-response": _BAD, "revoked": _FAINT}
_LIGHT = {"up": _GOOD, "down": _BAD}
_LIGHTS = ("ssh", "listener", "path", "application")


def status_lines(status: GatewayStatus, marks: Marks) -> list[str]:
    """Set the whole status."""
    up = all(child.state == "ready" for child in status.children)
    summary = paint(printable(status.summary, _LIMIT), _GOOD if up else _BAD)
    counts = ", ".join(f"{number} {state}" for state, number in sorted(status.counts.items()))
    lines = [
        f"Ground2Cloud gateway {printable(status.version, _LIMIT)}: {summary}",
        f"running for    {duration(status.uptime)} (process {status.pid})",
        f"host           {printable(status.host, _LIMIT)}",
        *(f"{name:<14} {printable(where, _LIMIT)}" for name, where in status.addresses.items()),
        f"configuration  {printable(status.config, _LIMIT)}",
        f"log            {printable(status.log or '', _LIMIT)}",
        f"registrations  {counts or 'none'}",
        f"elements       {status.elements}",
    ]
    lines += [paint(printable(problem, _LIMIT), _BAD) for problem in status.problems]
    return [*lines, "", *_children(status, marks)]


def agent_lines(found: Agents, now: str, marks: Marks) -> list[str]:
    """Set all registrations, each with its services below it. `now` as ISO 8601."""
    if not found.agents:
        return ["no registrations; ground2cloud gateway invite prints a join string"]
    titles = ("ID", "NAME", "STATE", "LANES", "FROM", "VERSION", "SEEN")
    rows = [[Cell(title, _FAINT) for title in titles]]
    rows += [_agent(agent, now, marks) for agent in found.agents]
    title, *lines = columns(rows)
    set_lines = [title]
    for line, agent in zip(lines, found.agents, strict=True):
        set_lines.append(line)
        if agent.state != "revoked":
            set_lines += _services(agent, now, marks)
    return set_lines


def _children(status: GatewayStatus, marks: Marks) -> Iterator[str]:
    rows = [[Cell(title, _FAINT) for title in ("PROGRAM", "STATE", "UP FOR", "RESTARTS", "PID")]]
    rows += [_child(child, marks) for child in status.children]
    title, *lines = columns(rows)
    yield title
    for line, child in zip(lines, status.children, strict=True):
        yield line
        if child.last_error is not None and child.state != "ready":
            yield f"  last error: {printable(child.last_error, _LIMIT)}"
            if child.hint:
                yield f"  hint: {printable(child.hint, _LIMIT)}"


def _child(child: ChildView, marks: Marks) -> list[Cell]:
    return [
        Cell(child.name),
        Cell(child.state, _GOOD if child.state == "ready" else _BAD),
        Cell(marks.unknown if child.uptime is None else duration(child.uptime)),
        Cell(str(child.restarts)),
        Cell(marks.unknown if child.pid is None else str(child.pid)),
    ]


def _agent(agent: AgentView, now: str, marks: Marks) -> list[Cell]:
    return [
        Cell(str(agent.id)),
        Cell(agent.name),
        Cell(agent.state, _COLOR.get(agent.state, "")),
        Cell(str(len(agent.lanes))),
        Cell(agent.address or marks.unknown),
        Cell(agent.version or marks.unknown),
        Cell(ago(agent.seen_at, now) or "never"),
    ]


def _services(agent: AgentView, now: str, marks: Marks) -> Iterator[str]:
    for service in agent.services:
        lights = "  ".join(
            f"{name} {_light(getattr(service.lights, name), now, marks)}" for name in _LIGHTS
        )
        name = f"{printable(service.name, _LIMIT)} ({printable(service.kind, _LIMIT)})"
        traffic = ""
        if service.bytes_in is not None and service.bytes_out is not None:
            carried = size(service.bytes_in + service.bytes_out)
            traffic = f"  {count(service.requests or 0, 'request')}, {carried}"
        yield f"  {name} at port {service.port}: {lights}{traffic}"
    if agent.last_error:
        yield f"  last error: {printable(agent.last_error, _LIMIT)}"


def _light(light: Light, now: str, marks: Marks) -> str:
    mark = {"up": marks.good, "down": marks.bad}.get(light.state, marks.unknown)
    return paint(f"{mark} {ago(light.at, now)}".rstrip(), _LIGHT.get(light.state, ""))
