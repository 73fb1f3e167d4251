"""A running router is told what changes, reloads without a lost request, and shares its ports."""

import asyncio
import signal
import socket
import threading
from pathlib import Path

import psutil
import pytest

from ground2cloud.config.model import Kind
from ground2cloud.haproxy import maps
from ground2cloud.haproxy.render import render
from ground2cloud.haproxy.routes import Endpoint, PlainPorts, Timeouts, Tls
from ground2cloud.haproxy.wire import RuntimeSocketError
from tests.lab import listener
from tests.lab.httpapp import HttpApp
from tests.lab.listener import standing
from tests.lab.ports import free_port
from tests.lab.processes import descendants, is_alive, run
from tests.lab.router import (
    DOMAIN,
    SECRET,
    Router,
    backend,
    certificate,
    hashed,
    head,
    key,
    read_head,
    read_reply,
)
from tests.lab.waiting import wait_until

QUICK = Timeouts(connect=1.0, request=2.0)


class NeverLoaded(Router):
    """Fails while it runs."""

    def loads(self) -> int:
        return 2 * super().loads()


def test_a_lab_that_does_not_come_up_leaves_nothing(short_dir: Path) -> None:
    router = NeverLoaded(short_dir, [])
    router._ended = lambda: router.loads() > 0  # type: ignore[method-assign] # as if it had ended
    with pytest.raises(AssertionError), router:
        pass
    assert router.process is not None
    assert router.process.poll() is not None


async def test_routes_and_keys_change_without_a_reload(short_dir: Path, http_app: HttpApp) -> None:
    with Router(short_dir, [], []) as router:
        assert router.get().error == "wrong-key"
        added = maps.entries(router.settings.slots, [backend(http_app.port)], [key()])
        for name in maps.MAPS:
            for entry, value in added[name].items():
                await router.runtime.set_map(name, entry, value)
        assert router.get().status == 200
        assert router.get("1001").status == 200
        for slots, status in ((), 503), (("127.0.0.1", "127.0.0.4"), 200):
            value = maps.route_value(backend(http_app.port, slots=slots), router.settings.slots)
            await router.runtime.set_map(maps.ROUTES, "1001/web", value)
            assert router.get().status == status
        assert await router.runtime.del_map(maps.KEYS, hashed(SECRET))
        assert not await router.runtime.del_map(maps.KEYS, hashed(SECRET))
        assert router.get().error == "wrong-key"
        assert router.loads() == 1


async def test_a_key_that_is_gone_opens_nothing_on_a_connection_that_it_opened(
    short_dir: Path, http_app: HttpApp
) -> None:
    with Router(short_dir, [backend(http_app.port)]) as router, router.connect() as connection:
        for expected in 200, 200, 401:
            if expected == 401:
                assert await router.runtime.del_map(maps.KEYS, hashed(SECRET))
            connection.sendall(head("GET", "/", "1001").encode())
            assert read_reply(connection).status == expected


async def test_a_whole_map_is_replaced_at_once(short_dir: Path, http_app: HttpApp) -> None:
    with Router(short_dir, [backend(http_app.port)]) as router:
        many = {hashed(str(number)): "1|0|0|0|" for number in range(2000)}
        many[hashed("new")] = maps.key_value(key("new", 2))
        await router.runtime.replace_map(maps.KEYS, many)
        assert await router.runtime.show_map(maps.KEYS) == many
        assert router.get().error == "wrong-key"
        assert router.get("1001", "Ground2Cloud-Key: new").error == "not-granted"


@pytest.mark.parametrize("bad", ["a b", "a\nshow info", "a;show info", "a\\", "<<", "", "a" * 3000])
async def test_what_is_no_word_is_never_sent(short_dir: Path, bad: str) -> None:
    with Router(short_dir, []) as router:
        for name, entry, value in ((bad, "k", "v"), ("keys.map", bad, "v"), ("keys.map", "k", bad)):
            with pytest.raises(ValueError, match="not a word"):
                await router.runtime.set_map(name, entry, value)
        with pytest.raises(RuntimeSocketError):
            await router.runtime.set_map("no-such.map", "k", "v")


async def test_requests_and_bytes_are_counted_per_route(short_dir: Path, http_app: HttpApp) -> None:
    with (
        standing(listener.echo) as echo,
        Router(short_dir, [backend(http_app.port), backend(echo, "db")]) as router,
    ):
        assert router.get(path="/bytes/100000").status == 200
        assert router.get().status == 200
        with router.tunnel("db-1001") as connection:
            connection.sendall(b"x" * 5000)
            while (await router.runtime.stats())["1001/db"].bytes_in < 5000:
                await asyncio.sleep(0.02)
            stats = await router.runtime.stats()
    assert (stats["1001/web"].requests, stats["1001/web"].open) == (2, 0)
    assert 100_000 < stats["1001/web"].bytes_out < 102_000
    assert (stats["1001/db"].requests, stats["1001/db"].open) == (1, 1)


async def test_the_worker_that_serves_is_told_whoever_listens_on_its_socket(
    short_dir: Path,
) -> None:
    """After a reload the worker before listens there too, for a moment, and takes what comes."""
    for name in ("before", "present"):
        (short_dir / name).mkdir()
    with Router(short_dir / "before", []) as before, Router(short_dir / "present", []) as router:
        before.settings.runtime_socket.replace(router.settings.runtime_socket)
        await router.runtime.set_map(maps.NAMES, "1001", "1001/web")
        assert await router.runtime.show_map(maps.NAMES) == {"1001": "1001/web"}
        assert "1001/web" in router.show("@1 show map names.map", master=True)
        assert "1001/web" not in before.show("@1 show map names.map", master=True)


async def test_what_is_told_during_a_reload_is_told_in_the_end(short_dir: Path) -> None:
    """A master that runs itself anew leaves the connections that it has, without an answer."""
    with Router(short_dir, []) as router:
        stop = threading.Event()
        reloads = asyncio.create_task(asyncio.to_thread(_reload_until, router, stop))
        try:
            while router.loads() < 6:
                await router.runtime.set_map(maps.NAMES, "1001", "1001/web")
        finally:
            stop.set()
            await reloads


def _reload_until(router: Router, stop: threading.Event) -> None:
    while not stop.wait(0.2):  # a master that does nothing else is hard to reach
        router.reload()


async def test_a_router_that_is_gone_or_hangs_is_an_error(short_dir: Path) -> None:
    with Router(short_dir, []) as router:
        assert await router.runtime.settled()
        assert router.process is not None
        workers = descendants(router.process.pid)
        assert workers
        for process in workers:
            process.suspend()
            wait_until(lambda p=process: p.status() == psutil.STATUS_STOPPED, what="a stop")
        router.runtime._timeout = 0.3
        with pytest.raises(RuntimeSocketError, match="did not answer"):
            await router.runtime.stats()
        for process in workers:
            process.resume()
    assert not await router.runtime.settled()


def test_a_reload_loses_no_request_and_no_tunnel(short_dir: Path, http_app: HttpApp) -> None:
    with (
        standing(listener.echo) as echo,
        Router(short_dir, [backend(http_app.port), backend(echo, "db")]) as router,
        router.tunnel("db-1001") as tunnel,
    ):
        stop = threading.Event()
        statuses: list[int] = []
        failures: list[OSError] = []

        def ask() -> None:
            while not stop.is_set():
                try:
                    statuses.append(router.get().status)
                except OSError as error:
                    failures.append(error)

        callers = [threading.Thread(target=ask) for _ in range(4)]
        for caller in callers:
            caller.start()
        for number in range(4):
            router.backends.append(backend(free_port(), f"new{number}"))
            router.reload()
        stop.set()
        for caller in callers:
            caller.join()
        assert not failures
        assert set(statuses) == {200}
        # The worker before takes a connection or two yet, and knows no such route.
        wait_until(lambda: router.get("new3-1001").error == "tunnel-down", what="the new files")
        tunnel.sendall(b"still there")
        assert tunnel.recv(100) == b"still there"
        assert asyncio.run(router.runtime.end(lambda call: call.element == 1)) == 1
        assert tunnel.recv(100) == b"", "of the worker before"


def test_a_broken_file_leaves_the_old_router_serving(short_dir: Path, http_app: HttpApp) -> None:
    with Router(short_dir, [backend(http_app.port)]) as router:
        (short_dir / "haproxy.cfg").write_text("nonsense\n")
        wait_until(lambda: "worker" in router.show("show proc", master=True), what="the master")
        assert router.process is not None
        router.process.send_signal(signal.SIGUSR2)
        wait_until(lambda: "Loading failure!" in router.words(), what="a refused reload")
        assert router.get().status == 200


def test_a_killed_master_leaves_nothing_behind(short_dir: Path) -> None:
    with Router(short_dir, []) as router:
        assert router.process is not None
        workers = descendants(router.process.pid)
        assert workers
        router.process.kill()
        wait_until(lambda: not any(map(is_alive, workers)), what="the workers' end")


def test_ssh_and_https_share_a_port(short_dir: Path) -> None:
    pem = certificate(short_dir)
    shared, own = free_port(), free_port()
    with (
        standing(listener.mirror) as mirror,
        standing(
            lambda connection: connection.sendall(b"SSH-2.0-sshd\r\n") or listener.echo(connection)
        ) as sshd,
    ):
        tls = (
            Tls(
                listen=(Endpoint("127.0.0.1", shared),),
                certificate=pem,
                sshd=Endpoint("127.0.0.1", sshd),
            ),
            Tls(listen=(Endpoint("127.0.0.1", own),), certificate=pem),
        )
        with Router(short_dir, [backend(mirror)], tls=tls) as router:
            for port in (shared, own):
                answer = run(
                    "curl", "-sk", "--resolve", f"1001.{DOMAIN}:{port}:127.0.0.1",
                    "-H", f"Ground2Cloud-Key: {SECRET}", f"https://1001.{DOMAIN}:{port}/",
                )  # fmt: skip
                assert "x-forwarded-proto: https\n" in answer.replace("\r", "").lower()
                assert "x-forwarded-for: 127.0.0.1\n" in answer.replace("\r", "").lower()
                answer = run(
                    "curl", "-sk", "--proxy-insecure", "--proxytunnel",
                    "-x", f"https://x:{SECRET}@127.0.0.1:{port}", f"http://1001.{DOMAIN}/tunnelled",
                )  # fmt: skip
                assert answer.startswith("GET /tunnelled")
            for words in (b"SSH-2.0-client\r\n", b""):
                with router.connect(shared) as connection:
                    connection.sendall(words)
                    assert connection.recv(14) == b"SSH-2.0-sshd\r\n"
            with router.connect(shared) as connection:
                connection.sendall(b"GET / HTTP/1.1\r\n\r\n")
                assert connection.recv(100) == b""


def test_plain_ports_are_for_named_networks_only(short_dir: Path) -> None:
    port = free_port()
    plain = PlainPorts(addresses=("127.0.1.1",), networks=("127.0.0.4/32", "10.0.0.0/8"))
    service = backend(port, "db", kind=Kind.POSTGRESQL, slots=("127.0.0.2",))
    with (
        standing(listener.echo, "127.0.0.2", port),
        Router(short_dir, [service], plain=plain) as router,
    ):
        with socket.create_connection(("127.0.1.1", port), 10, ("127.0.0.4", 0)) as connection:
            connection.sendall(b"SELECT 1")
            assert connection.recv(100) == b"SELECT 1"
            ending = router.runtime.end(
                lambda call: (call.element, call.route) == (None, "1001/db")
            )
            assert asyncio.run(ending) == 1
            assert connection.recv(100) == b""
        with (
            pytest.raises(OSError, match=r"closed|reset"),
            socket.create_connection(("127.0.1.1", port), 10) as connection,
        ):
            read_head(connection)


def test_nothing_of_10000_registrations_is_in_the_configuration(short_dir: Path) -> None:
    """So that neither a start nor a reload takes longer for them."""
    del short_dir
    few, many = (
        [backend(1000 + number, registration=1001 + number) for number in range(count)]
        for count in (1, 10_000)
    )
    with_few, with_many = (
        render(Router(Path("/run/g2c"), some).settings, some, [])["haproxy.cfg"]
        for some in (few, many)
    )
    assert with_few.replace(" ", "").count("\n") == with_many.count("\n")


def test_a_call_waits_for_the_end_of_an_application_that_is_slow_to_read(short_dir: Path) -> None:
    """What an application doesn't take yet is not collected in the router without end."""
    release = threading.Event()

    def lazy(connection: socket.socket) -> None:
        release.wait(10)
        listener.echo(connection)

    with (
        standing(lazy) as port,
        Router(short_dir, [backend(port)]) as router,
        router.tunnel("1001") as connection,
    ):
        connection.settimeout(0.5)
        sent = 0
        try:
            while sent < 200_000_000:
                sent += connection.send(bytes(65536))
        except TimeoutError:
            pass
        assert sent < 30_000_000
        release.set()


def test_an_idle_connection_answers_or_is_closed_after_a_reload(
    short_dir: Path, http_app: HttpApp
) -> None:
    """But is never left hanging; and the next connection is served."""
    with Router(short_dir, [backend(http_app.port)]) as router, router.connect() as connection:
        connection.sendall(head("GET", "/", "1001").encode())
        assert read_reply(connection).status == 200
        router.reload()
        try:
            connection.sendall(head("GET", "/", "1001").encode())
            status, _ = read_head(connection)
        except ConnectionError:
            status = 0
        assert status in {0, 200}
        assert router.get().status == 200
