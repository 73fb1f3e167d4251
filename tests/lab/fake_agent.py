"""An agent that only answers: a small `Control` behind the real local API, in a thread of its own.

It remembers what it was asked. Its answers are attributes, to be changed by a test at any time.
"""

import asyncio
import contextlib
import os
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from msgspec.structs import replace

from ground2cloud.web.messages import (
    Answer,
    LaneStatus,
    Light,
    Lights,
    LightState,
    ServiceStatus,
    Status,
)
from ground2cloud.web.server import ApiServer

NOW = "2026-11-22T10:15:03.120Z"


def light(
    state: LightState = "up", at: str | None = "2026-11-22T10:15:00.120Z", detail: str = ""
) -> Light:
    """Make a light that was proved three seconds before `NOW`."""
    return Light(state=state, at=at, detail=detail)


def service(
    name: str = "quickbooks",
    state: Literal["up", "down", "paused"] = "up",
    port: int = 8080,
    **lights: Light,
) -> ServiceStatus:
    """Make a service with all lights on but the path's, which a plain sshd can't prove."""
    all_on = Lights(
        ssh=light(),
        listener=light(),
        path=light("unknown", None),
        application=light(at="2026-11-22T10:14:23.120Z"),
    )
    return ServiceStatus(
        name=name,
        kind="http",
        target=f"localhost:{port}",
        remote=f"127.0.0.1:{port + 3001}",
        state=state,
        lane="lane-1",
        lights=replace(all_on, **lights),
    )


def lane(**changes: Any) -> LaneStatus:  # noqa: ANN401 - any field of the lane
    """Make a lane that has been ready for two hours."""
    ready = LaneStatus(
        name="lane-1",
        state="ready",
        services=("quickbooks",),
        session="held",
        pid=4711,
        uptime=7380.0,
        ready_in=0.31,
        restarts=2,
        round_trip=0.0123,
        round_trip_at="2026-11-22T10:15:01.120Z",
        connections=3,
        bytes_read=12_345_678,
        memory=9_000_000,
        cpu_percent=0.1,
    )
    return replace(ready, **changes)


def status(
    *services: ServiceStatus,
    lanes: tuple[LaneStatus, ...] | None = None,
    **changes: Any,  # noqa: ANN401 - any field of the status
) -> Status:
    """Make the status of an agent with these services, or with one that is up."""
    services = services or (service(),)
    up = sum(one.state == "up" for one in services)
    good = Status(
        version="0.1.0",
        pid=os.getpid(),
        config="/etc/ground2cloud/agent.toml",
        log="/var/log/ground2cloud/agent.log",
        gateway="g2c.example.com",
        started_at="2026-11-22T08:11:03.120Z",
        uptime=7440.0,
        summary=f"{up}/{len(services)} up",
        lanes=(lane(),) if lanes is None else lanes,
        services=services,
    )
    return replace(good, **changes)


@dataclass
class FakeAgent:
    """Implements `Control`; `asked` is every request in order."""

    snapshot: Status = field(default_factory=status)
    answer: Answer = field(default_factory=lambda: Answer(ok=True))
    asked: list[str] = field(default_factory=list)
    fault: Exception | None = None

    def status(self) -> Status:
        """Answer with the snapshot, or fail as told."""
        if self.fault is not None:
            raise self.fault
        return self.snapshot

    async def reload(self) -> Answer:
        """Note it."""
        return self._note("reload")

    async def pause(self, service: str) -> Answer:
        """Note it."""
        return self._note(f"pause {service}")

    async def resume(self, service: str) -> Answer:
        """Note it."""
        return self._note(f"resume {service}")

    async def restart(self) -> Answer:
        """Note it."""
        return self._note("restart")

    async def stop(self) -> Answer:
        """Note it."""
        return self._note("stop")

    def _note(self, request: str) -> Answer:
        self.asked.append(request)
        return self.answer


@contextlib.contextmanager
def serving(control: FakeAgent, run_dir: Path, listen: str = "127.0.0.1:0") -> Iterator[ApiServer]:
    """Serve `control` over the real API until the end of the block."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    server = ApiServer(control, listen, run_dir)
    try:
        asyncio.run_coroutine_threadsafe(server.start(), loop).result(10)
        yield server
    finally:
        asyncio.run_coroutine_threadsafe(server.close(), loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()


async def main(run_dir: Path) -> None:
    """Answer until told to stop, and a little longer, as an agent that ends its children does."""
    agent = FakeAgent()
    server = ApiServer(agent, "127.0.0.1:0", run_dir)
    await server.start()
    while "stop" not in agent.asked:
        await asyncio.sleep(0.02)
    await asyncio.sleep(0.3)
    await server.close()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1])))
