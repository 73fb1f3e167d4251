"""From what the gateway knows to what `status` and `agents` show; reads only, asks nobody."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from ground2cloud.config.gateway_model import GatewayConfig
from ground2cloud.core.addresses import join
from ground2cloud.core.clock import iso, iso_at, monotonic
from ground2cloud.core.machine import Child
from ground2cloud.core.run import Run
from ground2cloud.core.states import State
from ground2cloud.haproxy.reading import Usage
from ground2cloud.haproxy.routes import route
from ground2cloud.openssh.sshd.sessions import Session
from ground2cloud.registry.records import Registration, ServicePort
from ground2cloud.roles.gateway.listeners import Place
from ground2cloud.roles.gateway.paths import Proof
from ground2cloud.roles.gateway.reports import Report
from ground2cloud.web.gateway_messages import (
    AgentState,
    AgentView,
    ChildView,
    LaneView,
    TunnelView,
)
from ground2cloud.web.messages import Light, Lights

NOTHING = Usage(0, 0, 0, 0)

_SEEN_LATE = 2.0
"""Seconds by which a lane may be seen later than it was proved: with thousands, looks are rare."""


@dataclass(frozen=True, slots=True)
class Seen:
    """Everything that is known of the lanes and agents at one moment; times monotonic.

    `since` are the places that are listened on, and since when; `carried` is by route, None where
    the router can't be asked. What an agent told `silent_after` seconds ago says nothing of now.
    """

    since: Mapping[Place, float]
    sessions: Mapping[int, tuple[Session, ...]]
    reports: Mapping[int, Report]
    proofs: Mapping[int, Mapping[str, Proof]]
    silent_after: float
    carried: Mapping[str, Usage] | None = None


def agent_view(registration: Registration, seen: Seen) -> AgentView:
    """What is known of a registration now."""
    report = seen.reports.get(registration.id)
    fresh = report is not None and monotonic() - report.at < seen.silent_after
    sessions = seen.sessions.get(registration.id, ())
    services = tuple(
        _tunnel(registration, service, seen, report if fresh else None)
        for service in registration.services
    )
    return AgentView(
        id=registration.id,
        name=registration.name,
        state=state_of(registration, services, sessions),
        services=services,
        lanes=tuple(_lanes(registration, sessions, seen, report)),
        slots=registration.slots,
        version=(report.said.version if report else None) or registration.version,
        address=(report.source if report else None) or registration.address,
        created_at=iso(registration.created_at),
        seen_at=_seen_at(registration, report),
        last_error=(report.last_error() if report else None) or registration.last_error,
        clock_skew=report.skew if report is not None else None,
        rotating=registration.next_key is not None,
    )


def addresses(config: GatewayConfig, metrics: str) -> dict[str, str]:
    """Say where everything listens; `metrics` is where the figures are."""
    return {
        "sshd": _places(config.ssh.listen, config.ssh.port),
        "router": _places(config.router.listen, config.router.port),
        "backchannel": _places(config.backchannel.listen, config.backchannel.port),
        "metrics": metrics,
    }


def _places(hosts: Iterable[str], port: int) -> str:
    return ", ".join(join(host, port) for host in hosts)


def state_of(
    registration: Registration, services: Iterable[TunnelView], sessions: tuple[Session, ...]
) -> AgentState:
    """Say in a word how a registration is.

    Active: every service can be reached, as far as is known. Degraded: there is a lane, but not
    everything works. No response: there is no lane.
    """
    if registration.revoked_at is not None:
        return "revoked"
    lights = [each.lights for each in services]
    if not sessions and all(each.listener.state != "up" for each in lights):
        return "no-response"
    good = all(
        each.listener.state == "up" and "down" not in {each.path.state, each.application.state}
        for each in lights
    )
    return "active" if good else "degraded"


def child_view(name: str, child: Child, run: Run | None) -> ChildView:
    """What is known of one of the gateway's own programs."""
    now = monotonic()
    ready = child.state is State.READY
    verdict = child.verdict
    waiting = child.state in {State.BACKOFF, State.BLOCKED} and child.deadline is not None
    return ChildView(
        name=name,
        state=str(child.state),
        pid=run.pid if run is not None else None,
        uptime=now - child.since if ready else None,
        restarts=child.restarts,
        next_try_in=max(0.0, (child.deadline or now) - now) if waiting else None,
        last_error=verdict.message if verdict is not None else None,
        hint=verdict.hint if verdict is not None and not ready else "",
    )


def summary(counts: Mapping[str, int], children: Iterable[ChildView]) -> str:
    """How it stands in a line: `2/3 active`, and which program is not up."""
    living = sum(count for state, count in counts.items() if state != "revoked")
    down = [child.name for child in children if child.state != "ready"]
    text = f"{counts.get('active', 0)}/{living} active"
    return text + (f", {' and '.join(down)} not up" if down else "")


def count(agents: Iterable[AgentView]) -> dict[str, int]:
    """How many registrations are in which state."""
    return dict(Counter(str(agent.state) for agent in agents))


def _tunnel(
    registration: Registration, service: ServicePort, seen: Seen, report: Report | None
) -> TunnelView:
    carried = None
    if seen.carried is not None:
        carried = seen.carried.get(route(registration.id, service.name), NOTHING)
    return TunnelView(
        name=service.name,
        kind=str(service.kind),
        port=service.port,
        lights=Lights(
            ssh=_ssh(seen.sessions.get(registration.id, ())),
            listener=_listener(registration, service, seen),
            path=_path(registration, service, seen),
            application=_application(service, report),
        ),
        requests=carried.requests if carried else None,
        open=carried.open if carried else None,
        bytes_in=carried.bytes_in if carried else None,
        bytes_out=carried.bytes_out if carried else None,
    )


def _ssh(sessions: tuple[Session, ...]) -> Light:
    if not sessions:
        return Light("down", None, "no lane")
    return Light("up", iso_at(sessions[-1].accepted_at))


def _listener(registration: Registration, service: ServicePort, seen: Seen) -> Light:
    since = [seen.since.get((slot, service.port)) for slot in registration.slots]
    up = [moment for moment in since if moment is not None]
    return Light("up", iso_at(max(up))) if up else Light("down", None, "no lane listens for it")


def _path(registration: Registration, service: ServicePort, seen: Seen) -> Light:
    """The newest proof of a lane that carries the service now."""
    proofs = seen.proofs.get(registration.id, {})
    lanes = [(slot, seen.since.get((slot, service.port))) for slot in registration.slots]
    carrying = [(slot, since) for slot, since in lanes if since is not None]
    if not carrying:
        return Light("down", None, "no lane")
    found = [
        proofs[slot]
        for slot, since in carrying
        if slot in proofs and proofs[slot].at > since - _SEEN_LATE
    ]
    newest = max(found, key=lambda proof: proof.at, default=None)
    if newest is None:
        return Light("unknown", None, "its agent has not asked for a proof yet")
    if monotonic() - newest.at > seen.silent_after:
        return Light("unknown", iso_at(newest.at), "its agent has not asked for a proof lately")
    return Light("up" if newest.ok else "down", iso_at(newest.at), newest.detail)


def _application(service: ServicePort, report: Report | None) -> Light:
    if report is None:
        return Light("unknown", None, "its agent has not told lately")
    said = next((each for each in report.said.services if each.name == service.name), None)
    if said is None:
        return Light("unknown", None, "its agent has not told")
    if said.paused:
        return Light("unknown", iso_at(report.at), "paused")
    return Light(said.application, iso_at(report.at), said.detail)


def _lanes(
    registration: Registration, sessions: tuple[Session, ...], seen: Seen, report: Report | None
) -> Iterable[LaneView]:
    """The lanes by slot, where there is one: of several it is not known which holds which."""
    held = [
        slot
        for slot in registration.slots
        if any((slot, service.port) in seen.since for service in registration.services)
    ]
    trips = {lane.slot: lane.round_trip for lane in report.said.lanes} if report else {}
    slots = held if len(held) == len(sessions) == 1 else [""] * len(sessions)
    for slot, session in zip(slots, sessions, strict=True):
        yield LaneView(
            slot=slot,
            source=session.source,
            since=iso_at(session.accepted_at) or "",
            pid=session.connection.pid,
            round_trip=trips.get(slot),
        )


def _seen_at(registration: Registration, report: Report | None) -> str | None:
    if report is not None:
        return iso(report.wall)
    return None if registration.seen_at is None else iso(registration.seen_at)
