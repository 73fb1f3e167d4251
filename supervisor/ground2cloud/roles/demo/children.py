"""The demo's programs that run on: children of a supervisor that does not try again."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from typing import TypeVar

from ground2cloud.core.clock import monotonic
from ground2cloud.core.spec import ChildSpec, Limits, Outcome, Prepared, Verdict
from ground2cloud.core.states import WITH_PROCESS
from ground2cloud.core.supervise import Supervisor
from ground2cloud.errors import Ground2CloudError
from ground2cloud.roles.demo.error import DemoError

T = TypeVar("T")

DEADLINE = 60.0
"""Seconds to wait for anything; on an idle machine all of it takes a second at most."""

# They never say that they are ready: the demo looks for itself.
_LIMITS = Limits(start_timeout=86_400.0, stop_timeout=10.0)
_LAST_LINES = 15


class _Listener:
    """Keeps the last lines of a program."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._lines: deque[str] = deque(maxlen=_LAST_LINES)

    def line(self, text: str) -> bool:
        self._lines.append(text)
        return False

    def verdict(self, exit_code: int) -> Verdict:
        message = f"{self._name} ended with {exit_code}"
        return Verdict(Outcome.PERMANENT, "ended", message, evidence=self.words)

    @property
    def words(self) -> str:
        return "\n".join(self._lines)


class Children:
    """The programs that run now. `close` ends all of them."""

    def __init__(self) -> None:
        self._supervisor = Supervisor(lambda _transition: None, lambda _name, _line: None)
        self._listeners: dict[str, _Listener] = {}

    def start(self, name: str, *argv: str) -> None:
        """Start a program; `name` is for messages."""

        async def prepare() -> Prepared:
            return Prepared(argv)

        listener = self._listeners[name] = _Listener(name)
        self._supervisor.start(ChildSpec(name, prepare, lambda: listener, limits=_LIMITS))

    async def stop(self, name: str) -> None:
        """End a program, and wait for its end."""
        await self._supervisor.stop(name)

    async def close(self) -> None:
        """End all of them, all at once."""
        await self._supervisor.close()

    def require(self) -> None:
        """Make sure that all of them still run.

        Raises:
            DemoError: one does not; has its last words.
        """
        for name in self._supervisor.names:
            child = self._supervisor.child(name)
            if child.state not in WITH_PROCESS and child.verdict is not None:
                raise DemoError(f"{child.verdict.message}\n{self._words()}")

    async def until(
        self, look: Callable[[], Awaitable[T | None]], what: str, *, interval: float = 0.02
    ) -> T:
        """Look again and again, and answer with the first true thing that is seen.

        Args:
            look: an OSError or a `Ground2CloudError` of it means "not yet".
            what: is waited for, for the message.
            interval: seconds between two looks.

        Raises:
            DemoError: a program has ended, or it took too long.
        """
        deadline = monotonic() + DEADLINE
        while True:
            seen, why = await _try(look)
            if seen:
                return seen
            self.require()
            if monotonic() > deadline:
                last = f" ({why})" if why else ""
                raise DemoError(f"not within {DEADLINE:g} s: {what}{last}\n{self._words()}")
            await asyncio.sleep(interval)

    def _words(self) -> str:
        """Show the last words of every program, for whoever looks for the cause."""
        return "\n".join(f"{name} said:\n{it.words}" for name, it in self._listeners.items())


async def _try(look: Callable[[], Awaitable[T | None]]) -> tuple[T | None, str]:
    try:
        return await look(), ""
    except (OSError, Ground2CloudError) as error:
        return None, str(error)
