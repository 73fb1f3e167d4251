"""What the agent knows of its services and lanes now, for `status` and for its own log."""

import psutil

from ground2cloud.config.model import AgentConfig, Service
from ground2cloud.core.supervise import Supervisor
from ground2cloud.core.usage import Meter, Usage
from ground2cloud.roles import report
from ground2cloud.roles.checks import Checks
from ground2cloud.roles.fleet import Fleet
from ground2cloud.roles.paused import Paused
from ground2cloud.roles.registration.membership import Membership
from ground2cloud.roles.registration.placing import NO_PORT, NOT_REGISTERED, place
from ground2cloud.web.messages import LaneStatus, ServiceStatus


class Overview:
    """Reads the parts of a running agent; asks nobody outside."""

    def __init__(
        self,
        supervisor: Supervisor,
        fleet: Fleet,
        checks: Checks,
        paused: Paused,
        member: Membership,
    ) -> None:
        self._supervisor = supervisor
        self._fleet = fleet
        self._checks = checks
        self._paused = paused
        self._member = member
        self._meters: dict[str, Meter] = {}

    def lanes(self) -> tuple[LaneStatus, ...]:
        """Every lane."""
        return tuple(
            report.lane_status(
                lane,
                self._supervisor.child(name),
                self._supervisor.run_of(name),
                self._usage(name),
            )
            for name, lane in self._fleet.lanes.items()
        )

    def services(self, config: AgentConfig) -> dict[str, ServiceStatus]:
        """Every service of the configuration, by name."""
        statuses: dict[str, ServiceStatus] = {}
        for configured in config.service:
            registered = config.gateway is None
            service = place(configured, self._member.identity) if registered else configured
            lane = self._fleet.lane_of(service.name)
            child = self._supervisor.child(lane.name) if lane is not None else None
            run = self._supervisor.run_of(lane.name) if lane is not None else None
            check = self._checks.get(service.name)
            slot = lane.slot if lane is not None else None
            statuses[service.name] = report.service_status(
                service,
                lane,
                child,
                run,
                check,
                proof=self._member.paths.of(slot) if slot is not None else None,
                waits_for=self._waits_for(service),
            )
        return statuses

    def summary(self, config: AgentConfig) -> str:
        """All of it in a few words: `2/3 up`."""
        return report.summary(self.services(config))

    def _waits_for(self, service: Service) -> str:
        """What a service that is offered lacks to have a lane."""
        if service.remote_port or service.name in self._paused.names:
            return ""
        return NO_PORT if self._member.identity is not None else NOT_REGISTERED

    def _usage(self, name: str) -> Usage | None:
        run = self._supervisor.run_of(name)
        if run is None or run.pid is None:
            return None
        meter = self._meters.get(name)
        if meter is None or meter.pid != run.pid:
            try:
                meter = self._meters[name] = Meter(run.pid)
            except psutil.Error:
                return None
        return meter.look(self._fleet.lanes[name].ports)
