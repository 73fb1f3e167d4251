"""Whether the applications answer: asks each by its schedule, and remembers the newest answer."""

import asyncio
import logging
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

from ground2cloud.applications.probe import Answer, probe
from ground2cloud.applications.schedule import Schedule
from ground2cloud.config.model import Service
from ground2cloud.core.clock import monotonic
from ground2cloud.logs.fields import log
from ground2cloud.roles.keeping import for_ever

_log = logging.getLogger(__name__)

TIMEOUT = 5.0
"""Seconds for one check; an application that is well answers in milliseconds."""


@dataclass
class Check:
    """One application: its newest answer, and the monotonic moment of it; None before the first."""

    service: Service
    schedule: Schedule
    answer: Answer | None = None
    at: float | None = None
    sooner: asyncio.Event = field(default_factory=asyncio.Event)
    task: asyncio.Task[None] | None = None


class Checks:
    """The checks of all services that are offered.

    `on_change` is called when one answers that did not, or no longer, or for the first time.
    """

    def __init__(self, on_change: Callable[[], None] = lambda: None) -> None:
        self._on_change = on_change
        self._checks: dict[str, Check] = {}

    def set(self, services: tuple[Service, ...]) -> None:
        """Check exactly these from now on; one that did not change keeps its answer."""
        wanted = {service.name: service for service in services}
        for name, check in list(self._checks.items()):
            if wanted.get(name) != check.service:
                _cancel(self._checks.pop(name))
        for name, service in wanted.items():
            if name not in self._checks:
                schedule = Schedule.first(monotonic(), random.random())  # noqa: S311 - spreads load
                check = self._checks[name] = Check(service, schedule)
                loop = partial(_keep_checking, check, self._on_change)
                check.task = asyncio.create_task(for_ever(loop), name=f"check {name}")

    def get(self, name: str) -> Check | None:
        """The check of a service; None for one that is not offered."""
        return self._checks.get(name)

    def poke(self, port: int) -> None:
        """Ask the applications on this port soon: there is a reason to doubt them."""
        for check in self._checks.values():
            if check.service.port == port:
                check.schedule = check.schedule.asked(monotonic())
                check.sooner.set()

    def close(self) -> None:
        """Ask nobody any more."""
        for check in self._checks.values():
            _cancel(check)
        self._checks.clear()


def _cancel(check: Check) -> None:
    if check.task is not None:
        check.task.cancel()


async def _keep_checking(check: Check, on_change: Callable[[], None]) -> None:
    while True:
        while (wait := check.schedule.due - monotonic()) > 0:
            check.sooner.clear()
            try:
                async with asyncio.timeout(wait):
                    await check.sooner.wait()
            except TimeoutError:
                break
        service = check.service
        answer = await probe(service.kind, service.host, service.port, timeout=TIMEOUT)
        before, check.answer, check.at = check.answer, answer, monotonic()
        check.schedule = check.schedule.after(
            ok=answer.ok,
            now=check.at,
            luck=random.random(),  # noqa: S311 - spreads load
        )
        if before is None or before.ok != answer.ok:
            _tell(service, before, answer)
            on_change()


def _tell(service: Service, before: Answer | None, answer: Answer) -> None:
    name = f"application {service.name} ({service.host} port {service.port})"
    if not answer.ok:
        message = f"{name} does not answer: {answer.detail}"
        log(_log, logging.WARNING, "application-down", message, service=service.name)
    else:
        word = "answers" if before is None else "answers again"
        message = f"{name} {word}: {answer.detail}"
        log(_log, logging.INFO, "application-up", message, service=service.name)
