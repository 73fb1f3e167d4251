"""What the gateway knows of its agents and programs now, for `status`, `agents` and the figures."""

import asyncio

from ground2cloud.core.supervise import Supervisor
from ground2cloud.roles.gateway import report
from ground2cloud.roles.gateway.book import Book
from ground2cloud.roles.gateway.desk import GatewayDesk
from ground2cloud.roles.gateway.lanes import Lanes
from ground2cloud.roles.gateway.metrics import Figures
from ground2cloud.roles.gateway.reports import Reports
from ground2cloud.roles.gateway.routing import Router
from ground2cloud.web.gateway_messages import AgentView, ChildView

_SHOWN = 5  # registrations whose ports are taken
_AT_ONCE = 100  # registrations looked at before other tasks of the loop get their turn


class Overview:
    """Reads the parts of a running gateway."""

    def __init__(
        self,
        *,
        supervisor: Supervisor,
        book: Book,
        lanes: Lanes,
        router: Router,
        desk: GatewayDesk,
        reports: Reports,
    ) -> None:
        self._supervisor = supervisor
        self._book = book
        self._lanes = lanes
        self._router = router
        self._desk = desk
        self._reports = reports

    async def agents(self) -> list[AgentView]:
        """Look at every registration; other tasks get their turn in between."""
        carried = await self._router.carried()
        views = []
        registrations = sorted(self._book.registrations.values(), key=lambda each: each.id)
        for number, registration in enumerate(registrations):
            if number % _AT_ONCE == 0:
                await asyncio.sleep(0)
            told = self._reports.of(registration.id)
            seen = report.Seen(
                since=self._lanes.since,
                sessions={registration.id: self._lanes.of(registration.id)},
                reports={registration.id: told} if told is not None else {},
                proofs={registration.id: self._reports.paths.of(registration.id)},
                silent_after=self._reports.silent_after(len(registrations)),
                carried=carried,
            )
            views.append(report.agent_view(registration, seen))
        return views

    async def figures(self) -> Figures:
        """Everything that is counted."""
        return Figures(
            agents=tuple(await self.agents()),
            children=self.children(),
            elements=self.elements(),
            claims=dict(self._desk.claims),
            waiting=self._lanes.pacing.waiting,
        )

    def children(self) -> tuple[ChildView, ...]:
        """The programs."""
        supervisor = self._supervisor
        return tuple(
            report.child_view(name, supervisor.child(name), supervisor.run_of(name))
            for name in supervisor.names
        )

    def elements(self) -> int:
        """How many there are, without those that were revoked."""
        return sum(each.revoked_at is None for each in self._book.elements)

    def taken(self) -> tuple[str, ...]:
        """Say which tunnel ports others hold."""
        known = self._book.registrations
        taken = sorted(
            text
            for (identity, _), text in self._desk.taken.items()
            if identity in known and known[identity].revoked_at is None
        )
        more = len(taken) - _SHOWN
        rest = (f"and tunnel ports on {more} more slots",) if more > 0 else ()
        return *taken[:_SHOWN], *rest
