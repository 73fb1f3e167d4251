"""`make soak`: everything that can happen, at random, and then the count.

SOAK_SECONDS says how long (600), SOAK_SEED repeats the events of an earlier run. First comes every
event once: the warm-up, after which nothing may grow any more. Ends with 1 when a check failed.
"""

import http.client
import os
import random
import re
import signal
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack

from tests.bench.requests import until_silent
from tests.lab.httpapp import HttpApp
from tests.lab.places import short_directory
from tests.lab.sshd import ThrowawaySshd
from tests.lab.waiting import http_get, wait_until
from tests.soak.checks import Checks
from tests.soak.diary import Diary
from tests.soak.events import GENTLE, ROUGH, Event
from tests.soak.footprint import GROWTH, Footprint, footprint, growth, left_processes, left_sockets
from tests.soak.traffic import Traffic
from tests.soak.world import APPLICATIONS, SECTIONS, World

BACK_WITHIN = 20.0
"""Seconds to be back after the worst: a dead session holds its port for 6 s (sshd before 9.5)."""

SETTLE = 1.5
"""Seconds until what was saved has begun to be applied (debounce 0.3 s)."""

CALM = 0.7
"""Seconds after each return in which every request must be answered."""


class Soak:
    """One run."""

    def __init__(self, world: World, traffic: Traffic, checks: Checks) -> None:
        self.world = world
        self.traffic = traffic
        self.checks = checks
        self.diary = Diary()
        self.samples: list[Footprint] = []

    def step(self, *events: Event) -> None:
        """Let events happen one upon the other, and check that everything comes back."""
        keeper = Keeper(self.world.stable_port)
        words = []
        for event in events:
            try:
                words.append(event(self.world))
            except AssertionError as error:
                self.checks.check(holds=False, what=f"{event.__name__}: {error}")
                words.append(f"{event.__name__}, not as it should be")
                self.world.save()
        what = " + ".join(words)
        time.sleep(SETTLE)
        self.back(what)
        if all(event in GENTLE for event in events):
            self.checks.check(keeper.alive(), f"{what}: the connection of another service broke")
        keeper.close()
        self.samples.append(footprint(self.world))

    def back(self, what: str) -> None:
        """Check that all services answer as configured, soon, and then without one failure."""
        began = time.monotonic()
        try:
            wait_until(self._all_answer, timeout=BACK_WITHIN, what="every service answers")
            self.world.agent.wait_ready(timeout=BACK_WITHIN)
        except AssertionError as error:
            self.checks.check(holds=False, what=f"{what}: {error}")
            print(self.world.agent.log_text()[-3000:])
            return
        took = time.monotonic() - began
        self.checks.check(holds=True, what=what)
        self.diary.note(f"{self.checks.elapsed:6.0f} s  {what}; back after {took:.1f} s")
        calm = time.monotonic()
        time.sleep(CALM)
        failed = self.traffic.failed_within(calm, time.monotonic())
        self.checks.check(not failed, f"{what}: in the calm afterwards {failed[:3]}")

    def _all_answer(self) -> bool:
        return all(
            http_get(port, timeout=2).strip() == f"hello from {name}"
            for port, name in self.world.expected().items()
        )

    def run(self, seconds: float) -> None:
        """Warm up with everything once, then do anything until the time is over."""
        for event in (*GENTLE, *ROUGH):
            self.step(event)
        self.restore()
        warm = footprint(self.world)
        print(f"after the warm-up: {warm}", flush=True)
        self.samples = [warm]
        luck = self.world.luck
        while self.checks.elapsed < seconds:
            several = luck.choices(GENTLE + ROUGH, k=luck.choice((1, 1, 1, 2, 3)))
            self.step(*several)
        self.restore()
        self.compare(warm)

    def restore(self) -> None:
        """Go back to the configuration of the start, so that footprints can be compared."""
        self.world.reset()
        self.world.save()
        time.sleep(SETTLE)
        self.back("configuration of the start restored")

    def compare(self, warm: Footprint) -> None:
        """Check that the supervisor holds no more than after the warm-up."""
        for name in ("descriptors", "threads", "children", "sessions"):
            before = getattr(warm, name)
            more = self._excess(lambda now, n=name, b=before: getattr(now, n) - b)
            self.checks.check(more <= 0, f"{more} {name} more than after the warm-up ({before})")
        left: list[str] = []

        def more_files(now: Footprint) -> int:
            left[:] = sorted(now.files - warm.files)
            return len(left)

        self._excess(more_files)
        self.checks.check(not left, f"files that were not there after the warm-up: {left}")
        now = footprint(self.world)
        print(f"at the end:        {now}", flush=True)
        grown = growth([one.rss for one in self.samples])
        print(f"memory: {grown / 1e6:+.1f} MB over {len(self.samples)} rounds", flush=True)
        self.checks.check(grown <= GROWTH, f"memory grew by {grown / 1e6:.1f} MB")

    def _excess(self, count: Callable[[Footprint], int]) -> int:
        """Return how many are too many, after a moment for what is just being closed."""
        deadline = time.monotonic() + 10
        while True:
            more = count(footprint(self.world))
            if more <= 0 or time.monotonic() > deadline:
                return more
            time.sleep(0.1)


class Keeper:
    """A connection through the service that never changes, kept open over an event."""

    def __init__(self, port: int) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
        self.alive()

    def alive(self) -> bool:
        """Tell whether a request on this very connection is answered."""
        opened = self._connection.sock
        try:
            self._connection.request("GET", "/")
            self._connection.getresponse().read()
        except (OSError, http.client.HTTPException):
            return False
        return opened is None or self._connection.sock is opened

    def close(self) -> None:
        """Close it."""
        self._connection.close()


def stop(world: World, checks: Checks) -> None:
    """Stop the agent and check that nothing is left of it."""
    try:
        world.agent.stop()
    except AssertionError as error:
        checks.check(holds=False, what=f"stop: {error}")
    else:
        checks.check(holds=True, what="stop")
    for port in world.expected():
        try:
            until_silent(port)
        except AssertionError as error:
            checks.check(holds=False, what=str(error))
        else:
            checks.check(holds=True, what="port given up")
    left = left_processes(world)
    checks.check(not left, f"processes left: {left}")
    sockets = left_sockets(world)
    checks.check(not sockets, f"sockets left: {sockets}")
    wait_until(lambda: not world.sshd.sessions(), what="no connection left at the server")


def look_at_log(world: World, checks: Checks) -> None:
    """Check that the log tells of no defect, and that every line of it is one of ours."""
    said = world.agent.stderr_text()
    checks.check("Traceback" not in said, "a traceback on stderr")
    files = sorted(world.directory.glob("agent.log*"))
    lines = [line for file in files for line in file.read_text("utf-8").splitlines()]
    size = sum(file.stat().st_size for file in files)
    rotated = len(files) > 1 or size <= SECTIONS["log"]["max_size"]
    checks.check(rotated, f"{size} bytes of log were never rotated")
    ours = re.compile(r'\d{4}-\d\d-\d\dT[\d:.]+Z (DEBUG|INFO |WARN |ERROR) |\{"ts":')
    strange = [line for line in lines if not ours.match(line)]
    checks.check(not strange, f"{len(strange)} strange lines in the log: {strange[:3]}")
    print(f"log: {len(lines)} lines in {len(files)} files", flush=True)


def main() -> int:
    """Run the soak; say how it was."""
    seconds = float(os.environ.get("SOAK_SECONDS", "600"))
    seed = int(os.environ.get("SOAK_SEED") or random.SystemRandom().randrange(10**6))
    print(f"soak: {seconds:g} s, SOAK_SEED={seed}", flush=True)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    checks = Checks()
    with ExitStack() as stack:
        sshd = stack.enter_context(ThrowawaySshd())
        applications = [stack.enter_context(HttpApp(name)) for name in APPLICATIONS]
        directory = stack.enter_context(short_directory())
        world = World(sshd, applications, directory, random.Random(seed))
        with world.agent:
            world.agent.wait_ready()
            with Traffic(world.expected) as traffic:
                Soak(world, traffic, checks).run(seconds)
            checks.check(not traffic.corrupt, f"corrupt: {traffic.corrupt[:3]}")
            print(f"requests: {traffic.answered} answered, {len(traffic.failures)} failed")
            stop(world, checks)
            look_at_log(world, checks)
    print(*checks.failures, checks.closing_line(), sep="\n")
    return 1 if checks.failures else 0


if __name__ == "__main__":
    sys.exit(main())
