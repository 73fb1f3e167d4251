"""The router as the gateway keeps it: a real HAProxy under the real supervisor."""

import asyncio
import contextlib
import os
import signal
import socket
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from ground2cloud.config.model import Kind
from ground2cloud.core.clock import wall
from ground2cloud.core.spec import Limits, Verdict
from ground2cloud.core.states import State
from ground2cloud.core.supervise import Supervisor, Transition
from ground2cloud.haproxy.program import HaproxyProgram, find_haproxy
from ground2cloud.haproxy.routes import MOST_NETWORKS, Endpoint, PlainPorts, RouterSettings
from ground2cloud.haproxy.runtime import Runtime
from ground2cloud.haproxy.wire import RuntimeSocketError
from ground2cloud.registry.records import SLOTS, Element, Grant, Registration, ServicePort
from ground2cloud.roles.gateway.routing import NAME, Router
from tests.lab import listener
from tests.lab.listener import standing
from tests.lab.ports import free_port
from tests.lab.processes import descendants
from tests.lab.registering import make_key
from tests.lab.router import hashed, head, read_head
from tests.lab.waiting import eventually

PLAIN = "127.0.0.99"


class Running:
    """A router with its supervisor; `registrations`, `elements` and `up` are its book and lanes.

    Attributes:
        candidate: the configuration that `haproxy -c` looks at, before it is put in place.
    """

    def __init__(
        self, program: HaproxyProgram, settings: RouterSettings, directory: Path, limits: Limits
    ) -> None:
        self.registrations: dict[int, Registration] = {}
        self.elements: tuple[Element, ...] = ()
        self.up: frozenset[tuple[str, int]] = frozenset()
        self.said: list[str] = []
        self.supervisor = Supervisor(self._seen, lambda _name, line: self.said.append(line))
        self.router = Router(
            program,
            settings,
            directory,
            book=self,  # type: ignore[arg-type] # as much of it as is asked for
            lanes=self,  # type: ignore[arg-type] # the same
            limits=limits,
            renew=self._renew,
        )
        self.runtime = Runtime(settings)
        self.candidate = directory.with_name("router.new") / "haproxy.cfg"

    async def _renew(self) -> Verdict | None:
        return await self.supervisor.reload(NAME)

    def _seen(self, transition: Transition) -> None:
        self.router.seen(transition.after.state)

    def register(self, port: int) -> None:
        """Let there be registration 1001 with a service on this tunnel port, and its lane."""
        services = (ServicePort("web", Kind.HTTP, port),)
        one = Registration(1001, "x", make_key("x"), None, SLOTS, services, 1.0, "")
        self.registrations[1001] = one
        self.up = frozenset({(SLOTS[0], port)})


def is_open(port: int) -> bool:
    with socket.socket() as trial:
        return trial.connect_ex((PLAIN, port)) == 0


@pytest.fixture
async def running(short_dir: Path) -> AsyncIterator[Running]:
    async with started(short_dir, Limits()) as running:
        yield running


@contextlib.asynccontextmanager
async def started(short_dir: Path, limits: Limits) -> AsyncIterator[Running]:
    program = await find_haproxy()
    assert isinstance(program, HaproxyProgram), program
    settings = RouterSettings(
        runtime_socket=short_dir / "router.sock",
        listen=(Endpoint("127.0.0.1", free_port()),),
        plain=PlainPorts(addresses=(PLAIN,), networks=("127.0.0.0/8",)),
    )
    directory = short_dir / "router"
    directory.mkdir(0o700)
    running = Running(program, settings, directory, limits)
    running.supervisor.start(running.router.spec())
    try:
        await eventually(lambda: running.supervisor.is_ready(NAME), what=f"up: {running.said}")
        yield running
    finally:
        await running.supervisor.close()


async def test_files_that_can_not_be_loaded_are_told_each_time(running: Running) -> None:
    """`haproxy -c` binds nothing: that a port is taken turns out when it loads."""
    good = running.router.settings
    with socket.create_server(("127.0.0.1", 0)) as other:
        taken = Endpoint("127.0.0.1", other.getsockname()[1])
        running.router.settings = replace(good, listen=(*good.listen, taken))
        for _ in range(2):
            verdict = await running.router.reload()
            assert verdict is not None
            assert verdict.reason == "port-taken"
    assert await running.router.reload() is None
    with socket.create_connection((taken.address, taken.port), 10):
        pass


async def test_what_changes_while_it_reloads_is_in_force_afterwards(running: Running) -> None:
    """Whatever the worker before was told of it."""
    for number in range(6):
        running.register(free_port())
        await running.router.publish()
        before = len(running.said)
        assert await running.router.reload() is None
        assert any("Loading success." in line for line in running.said[before:])
        running.elements = (Element(number + 1, "x", f"{number:064X}", (Grant(1001),), 1.0),)
        running.up = frozenset()
        await running.router.publish()
        assert await running.runtime.show_map("routes.map") == {
            "1001/web": f"{running.registrations[1001].services[0].port}|http|"
        }
        assert [*await running.runtime.show_map("keys.map")] == [f"{number:064X}"]


async def test_a_port_that_the_router_is_about_to_have_is_not_taken_by_another(
    running: Running,
) -> None:
    port = free_port()
    running.register(port)
    prepared = await running.router.prepare()
    assert prepared.install is not None
    prepared.install()
    with socket.create_server((PLAIN, port)):  # as the worker that comes would
        await running.router.prepare()
        assert f"bind {PLAIN}:{port}\n" in running.candidate.read_text()


async def test_a_port_that_could_not_be_offered_is_tried_again(
    running: Running, caplog: pytest.LogCaptureFixture
) -> None:
    """Nothing else has to happen for it."""
    router = running.router
    running.candidate.mkdir()  # so that it can't be written
    running.register(port := free_port())
    keeping = [asyncio.create_task(each) for each in (router.keep(), router.keep_ports())]
    try:
        router.poke()
        await eventually(lambda: "ports are not offered" in caplog.text, what="it is told")
        running.candidate.rmdir()
        await eventually(lambda: is_open(port), what="the port")
    finally:
        for task in keeping:
            task.cancel()
        await asyncio.gather(*keeping, return_exceptions=True)


async def test_ports_that_come_again_and_again_take_no_reload_each(running: Running) -> None:
    """Each leaves a process to the calls that last, and an agent may rename its service at will."""
    router, (first, second, third) = running.router, (free_port() for _ in range(3))
    keeping = [asyncio.create_task(each) for each in (router.keep(), router.keep_ports())]
    try:
        for port in (first, second, first, second, first, third):
            running.register(port)
            router.poke()
            await eventually(lambda port=port: is_open(port), what="the port")
            await router.publish()
        loads = 1 + 3  # it tells of one a moment after it listens
        await eventually(
            lambda: sum("Loading success." in line for line in running.said) == loads, what="it"
        )
        assert is_open(second), "as long as nobody reloads it for something else"
    finally:
        for task in keeping:
            task.cancel()
        await asyncio.gather(*keeping, return_exceptions=True)
    assert await router.reload() is None
    await eventually(lambda: not is_open(second), what="a port of nobody's is closed")
    assert is_open(third)


async def test_nobody_asks_on_and_on_for_a_router_that_is_down(
    running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nor when the time of an element is over meanwhile."""
    router, asked = running.router, 0

    async def publish() -> None:
        nonlocal asked
        asked += 1

    running.elements = (Element(1, "x", hashed("x"), (Grant(1001),), 1.0, expires_at=wall()),)
    await router.publish()
    router.seen(State.BACKOFF)
    monkeypatch.setattr(router, "publish", publish)
    keeping = asyncio.create_task(router.keep())
    await asyncio.sleep(2.5)  # a second of grace, and one to find the next whole one
    keeping.cancel()
    await asyncio.gather(keeping, return_exceptions=True)
    assert asked <= 1


async def test_what_can_not_be_told_is_an_error_like_others(running: Running) -> None:
    """The task that keeps the maps goes on with what comes later."""
    networks = tuple(f"10.{number}.0.0/16" for number in range(MOST_NETWORKS + 1))
    running.elements = (Element(1, "x", "A" * 64, (Grant(1001),), 1.0, networks=networks),)
    with pytest.raises(RuntimeSocketError, match="can't be told"):
        await running.router.publish()
    running.elements = ()
    running.register(free_port())
    await running.router.publish()
    assert "1001/web" in await running.runtime.show_map("routes.map")


def opened(running: Running, secret: str) -> socket.socket:
    """Open a CONNECT to the first registration."""
    port = running.router.settings.listen[0].port
    connection = socket.create_connection(("127.0.0.1", port), 10)
    lines = head("CONNECT", "1001:1", "1001", f"Ground2Cloud-Key: {secret}")
    connection.sendall(lines.encode())
    assert read_head(connection)[0] == 200
    return connection


async def test_what_the_router_forgets_has_been_looked_at(running: Running) -> None:
    with standing(listener.echo) as echo:
        running.register(echo)
        running.elements = (Element(7, "x", hashed("some"), (Grant(1001),), 1.0, rate=100),)
        await running.router.publish()
        looking = asyncio.create_task(running.router.keep_figures(0.05))
        opened(running, "some").close()

        async def forgotten() -> bool:
            await running.runtime._ask("clear table limited")
            return "key=" not in await running.runtime._ask("show table limited")

        await eventually(lambda: running.router._runtime._tally.limited, what="a look")
        async with asyncio.timeout(10):
            while not await forgotten():
                await asyncio.sleep(0.05)
        looking.cancel()
    carried = await running.router.carried()
    assert carried is not None
    assert carried["1001/web"].requests == 1


async def test_a_router_that_hangs_is_started_anew(short_dir: Path) -> None:
    """Its master lives, its port is open, and nobody is served."""
    async with started(short_dir, Limits(dead_after=1.5)) as running:
        run = running.supervisor.run_of(NAME)
        assert run is not None
        assert run.pid is not None
        for process in descendants(run.pid):
            process.suspend()
        await eventually(
            lambda: running.supervisor.child(NAME).restarts, what="a restart", timeout=60
        )
        verdict = running.supervisor.child(NAME).verdict
        assert verdict is not None
        assert verdict.reason == "not-answering"
        await eventually(lambda: running.supervisor.is_ready(NAME), what="up again")


async def test_who_is_let_in_by_files_older_than_the_revocation_is_ended(running: Running) -> None:
    """A reload may be under way when an element is revoked: its files still have the key."""
    with standing(listener.echo) as port:
        running.register(port)
        running.elements = (Element(1, "x", hashed("mine"), (Grant(1001),), 1.0),)
        prepared = await running.router.prepare()
        assert prepared.install is not None
        prepared.install()
        running.elements = ()
        await running.router.publish()
        run = running.supervisor.run_of(NAME)
        assert run is not None
        assert run.pid is not None
        os.kill(run.pid, signal.SIGUSR2)
        await eventually(lambda: sum("Loading success." in x for x in running.said) == 2, what="it")
        with opened(running, "mine") as mine:
            await running.router.publish()
            assert mine.recv(1) == b""


async def test_who_is_missing_in_files_that_are_loaded_is_ended_too(running: Running) -> None:
    """A reload may come before anybody has told the router of a revocation."""
    with standing(listener.echo) as port:
        running.register(port)
        running.elements = (Element(1, "x", hashed("mine"), (Grant(1001),), 1.0),)
        await running.router.publish()
        with opened(running, "mine") as mine:
            running.elements = ()
            # The plain port is new.
            assert await running.router.reload() is None
            await running.router.publish()
            assert mine.recv(1) == b""


async def test_an_element_whose_time_is_over_loses_what_it_has(running: Running) -> None:
    """Nobody has to say so."""
    with standing(listener.echo) as port:
        running.register(port)
        element = Element(1, "x", hashed("mine"), (Grant(1001),), 1.0, expires_at=wall() + 2)
        running.elements = (element,)
        keeping = asyncio.create_task(running.router.keep())
        try:
            await running.router.publish()
            with opened(running, "mine") as mine:
                assert await asyncio.to_thread(mine.recv, 1) == b""
        finally:
            keeping.cancel()
            await asyncio.gather(keeping, return_exceptions=True)
