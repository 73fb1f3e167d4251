"""The one loop: performs what `machine.step` answers, and owns every child's state.

All of it runs on one asyncio loop, in one thread; whoever lives in another thread (watchdog) posts
with `call_soon_threadsafe`. A child's deadline is a timer of the loop, so nothing here sleeps.
"""

import asyncio
import contextlib
import random
from collections.abc import Callable
from dataclasses import dataclass, field

from ground2cloud.core import machine
from ground2cloud.core.clock import monotonic
from ground2cloud.core.events import (
    BecameReady,
    Changed,
    Command,
    Due,
    End,
    Ended,
    Event,
    Launch,
    Probe,
    Reload,
    Renew,
    Restart,
    Spawned,
    Start,
    Stop,
    Unresponsive,
    Wake,
)
from ground2cloud.core.machine import Child
from ground2cloud.core.run import Run
from ground2cloud.core.spec import ChildSpec, Verdict
from ground2cloud.core.states import State


@dataclass(frozen=True, slots=True)
class Transition:
    """A child went from one state to another; handed to the listener right after it did."""

    name: str
    before: Child
    after: Child
    pid: int | None


@dataclass(slots=True)
class _Worker:
    spec: ChildSpec
    child: Child = field(default_factory=Child)
    run: Run | None = None
    task: asyncio.Task[None] | None = None
    timer: asyncio.TimerHandle | None = None
    checked: bool = False
    renewal: asyncio.Task[Verdict | None] | None = None
    renewal_due: bool = False


class Supervisor:
    """Keeps children running. Every method is called on the loop's thread.

    Args:
        on_transition: called after every change of state.
        on_line: called with the name of a child and a line of its stderr, after the child's own
            observer has seen it.
        on_process: called with the name of a child and the pid of its new process.
        luck: uniform in [0, 1), for the backoff.
    """

    def __init__(
        self,
        on_transition: Callable[[Transition], None],
        on_line: Callable[[str, str], None],
        on_process: Callable[[str, int], None] = lambda _name, _pid: None,
        luck: Callable[[], float] = random.random,
    ) -> None:
        self._on_transition = on_transition
        self._on_line = on_line
        self._on_process = on_process
        self._luck = luck
        self._workers: dict[str, _Worker] = {}

    def start(self, spec: ChildSpec) -> None:
        """Run a child by this specification; a running one of the same name is replaced by it."""
        worker = self._workers.get(spec.name)
        if worker is None:
            self._workers[spec.name] = _Worker(spec)
            self._post(spec.name, Start())
        else:
            self.respecify(spec)
            self._post(spec.name, Restart())

    def respecify(self, spec: ChildSpec) -> None:
        """Give a child another specification: its next run will be by it, this one goes on."""
        worker = self._workers[spec.name]
        worker.spec = spec
        worker.checked = False
        self._arm(spec.name, worker)

    def restart(self, name: str) -> None:
        """End the child's run and begin a new one."""
        self._post(name, Restart())

    async def reload(self, name: str) -> Verdict | None:
        """Have a child take up other files without ending; wait until it was told.

        Answers None when it was, or when its next run will begin with them; else why the files were
        refused. Files that come while others are being checked are taken up right after them.
        """
        worker = self._workers[name]
        self._post(name, Reload())
        task = worker.renewal
        if task is None:
            return None
        await asyncio.wait({task})
        return None if task.cancelled() else task.result()

    def changed(self, name: str) -> None:
        """Say that the cause of the child's failure may be gone."""
        self._post(name, Changed())

    def wake(self) -> None:
        """Say that the machine's network or clock changed: no wait makes sense any more."""
        for name in list(self._workers):
            self._post(name, Wake())

    async def stop(self, name: str) -> None:
        """End a child and forget it; returns when no process is left.

        Or when it was started anew meanwhile: then it stays.
        """
        worker = self._workers.get(name)
        if worker is None:
            return
        self._post(name, Stop())
        while worker.task is not None and not worker.task.done():
            await asyncio.wait({worker.task})
            if worker.child.wanted:
                return
        if worker.timer is not None:
            worker.timer.cancel()
        self._workers.pop(name, None)

    async def close(self) -> None:
        """End every child, all at once."""
        await asyncio.gather(*(self.stop(name) for name in list(self._workers)))

    @property
    def names(self) -> tuple[str, ...]:
        """The children there are."""
        return tuple(self._workers)

    def child(self, name: str) -> Child:
        """What the machine knows of a child."""
        return self._workers[name].child

    def run_of(self, name: str) -> Run | None:
        """The present run of a child, None between two."""
        return self._workers[name].run

    def _post(self, name: str, event: Event) -> None:
        worker = self._workers[name]
        before = worker.child
        worker.child, commands = machine.step(before, event, monotonic(), worker.spec.limits)
        self._arm(name, worker)
        for command in commands:
            self._perform(name, worker, command)
        if worker.child.state is not before.state:
            pid = worker.run.pid if worker.run is not None else None
            self._on_transition(Transition(name, before, worker.child, pid))

    def _arm(self, name: str, worker: _Worker) -> None:
        if worker.timer is not None:
            worker.timer.cancel()
            worker.timer = None
        if worker.child.deadline is not None:
            delay = max(0.0, worker.child.deadline - monotonic())
            loop = asyncio.get_running_loop()
            # The millisecond: a timer may fire early by the loop's clock resolution.
            worker.timer = loop.call_later(delay + 0.001, self._post, name, Due())

    def _perform(self, name: str, worker: _Worker, command: Command) -> None:
        match command:
            case Launch():
                worker.task = asyncio.create_task(self._one_run(name, worker), name=f"run {name}")
            case End(hard=hard):
                if worker.run is not None:
                    worker.run.end(hard=hard)
            case Probe():
                if worker.run is not None:
                    worker.run.probe()
            case Renew():
                worker.renewal_due = True
                if worker.renewal is None and worker.run is not None:
                    renewing = self._renew(worker, worker.run)
                    worker.renewal = asyncio.create_task(renewing, name=f"renew {name}")

    async def _renew(self, worker: _Worker, run: Run) -> Verdict | None:
        """Renew the files of a run until no newer ones are due; answer what came of the last."""
        try:
            while True:
                worker.renewal_due = False
                verdict = await run.renew()
                if not worker.renewal_due:
                    return verdict
        finally:
            worker.renewal = None

    async def _one_run(self, name: str, worker: _Worker) -> None:
        """Live one run from its files to its exit; post exactly one `Ended`."""
        run = Run(
            worker.spec,
            on_ready=lambda: self._post(name, BecameReady()),
            on_dead=lambda verdict: self._post(name, Unresponsive(verdict)),
            on_line=lambda line: self._on_line(name, line),
            on_process=lambda pid: self._spawned(name, pid),
            checked=worker.checked,
        )
        worker.run = run
        verdict = await run.live()
        if worker.renewal is not None:
            # Two may not write the same files, and the next run writes them afresh.
            worker.renewal.cancel()
            await asyncio.wait({worker.renewal})
        worker.checked = run.checked
        worker.run = None
        with contextlib.suppress(KeyError):
            self._post(name, Ended(verdict, self._luck()))

    def _spawned(self, name: str, pid: int) -> None:
        self._post(name, Spawned())
        self._on_process(name, pid)

    def is_ready(self, name: str) -> bool:
        """Whether a child of this name exists and is READY."""
        worker = self._workers.get(name)
        return worker is not None and worker.child.state is State.READY
