"""Children for tests of the core: tiny Python scripts, run for real."""

import sys
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from ground2cloud.core.backoff import BackoffPolicy
from ground2cloud.core.spec import ChildSpec, Limits, Outcome, Prepared, Verdict
from ground2cloud.core.supervise import Supervisor, Transition

READY = "import sys; print('READY', file=sys.stderr, flush=True); "
ECHO = READY + "sys.stdout.writelines(iter(sys.stdin.readline, '')) if 0 else None\n"
ECHO += "for line in sys.stdin:\n  sys.stdout.write(line); sys.stdout.flush()"
FOREVER = READY + "import time; time.sleep(60)"
LEAVES_ONE = """
import subprocess, sys
left = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"],
                        stdin=sys.stdin, stdout=sys.stdout, stderr=sys.stderr)
print(left.pid, flush=True)
"""
"""Starts a process that has the same pipes, and says its id."""

QUICK = Limits(
    BackoffPolicy(initial=0.05, maximum=0.2, reset_after=5.0),
    start_timeout=30.0,
    stop_timeout=0.5,
    blocked_retry=0.3,
    dead_after=1.5,
    probe_timeout=0.3,
)


class FakeObserver:
    """Ready at the line READY; 77 is permanent, all else transient."""

    def line(self, text: str) -> bool:
        return text == "READY"

    def verdict(self, exit_code: int) -> Verdict:
        outcome = Outcome.PERMANENT if exit_code == 77 else Outcome.TRANSIENT
        return Verdict(outcome, f"exit {exit_code}", "ended")


def spec(
    code: str,
    *,
    name: str = "child",
    limits: Limits = QUICK,
    prepare: Callable[[], bool] = lambda: False,
    check: str | None = None,
    heartbeat: float | None = None,
    program: str = sys.executable,
    answers: Callable[[], Awaitable[bool]] | None = None,
) -> ChildSpec:
    async def prepared() -> Prepared:
        return Prepared(
            argv=(program, "-c", code),
            check_argv=None if check is None else (sys.executable, "-c", check),
            changed=prepare(),
            heartbeat=heartbeat,
        )

    return ChildSpec(
        name=name, prepare=prepared, observe=FakeObserver, limits=limits, answers=answers
    )


@dataclass
class Watched:
    """A supervisor and all that it told."""

    transitions: list[Transition] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.supervisor = Supervisor(
            self.transitions.append, lambda _name, line: self.lines.append(line)
        )

    @property
    def states(self) -> list[str]:
        return [str(each.after.state) for each in self.transitions]

    def count(self, state: str) -> int:
        return self.states.count(state)

    @property
    def reasons(self) -> list[str]:
        return [each.after.verdict.reason for each in self.transitions if each.after.verdict]
