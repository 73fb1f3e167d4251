"""What a caller has under way through a real HAProxy can be ended, whatever it is."""

import asyncio
import contextlib
import re
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from ground2cloud.haproxy import maps
from ground2cloud.haproxy.reading import Call
from ground2cloud.haproxy.routes import Endpoint, PlainPorts, Tls
from ground2cloud.haproxy.wire import RuntimeSocketError
from tests.lab import listener
from tests.lab.listener import standing
from tests.lab.places import short_directory
from tests.lab.ports import free_port
from tests.lab.processes import descendants
from tests.lab.router import Router, backend, certificate, hashed, head, key, read_head, read_reply
from tests.lab.waiting import eventually

MINE, OTHER = "Ground2Cloud-Key: mine", "Ground2Cloud-Key: other"


class Endless:
    """An application that never comes to an end.

    Attributes:
        heads: the requests that it has had.
    """

    def __init__(self) -> None:
        self.heads: list[bytes] = []

    def __call__(self, connection: socket.socket) -> None:
        """Serve one connection."""
        while data := listener.read_request(connection):
            self.heads.append(data)
            match data.split(b" ")[1]:
                case b"/short":
                    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
                case b"/download":
                    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n")
                    while True:
                        connection.sendall(bytes(65536))
                case b"/events":
                    connection.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
                    while True:
                        connection.sendall(b"1\r\nx\r\n")
                        time.sleep(0.05)
                case b"/upgrade":
                    connection.sendall(
                        b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\n"
                        b"Upgrade: websocket\r\n"
                        b"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n"
                    )
                    listener.echo(connection)
                case _:
                    while connection.recv(65536):
                        pass


@dataclass(frozen=True, slots=True)
class Way:
    """A kind of stream: the request's first line and headers."""

    method: str
    target: str
    headers: tuple[str, ...] = ()

    def begin(self, connection: socket.socket, secret: str) -> None:
        """Send what begins it."""
        words = head(self.method, self.target, "1001", secret, *self.headers)
        connection.sendall(words.encode())
        if self.method == "CONNECT":
            connection.sendall(b"x x\r\n\r\n")


WEBSOCKET = (
    "Connection: Upgrade",
    "Upgrade: websocket",
    "Sec-WebSocket-Version: 13",
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
)
WAYS = {
    "download": Way("GET", "/download"),
    "events": Way("GET", "/events"),
    "upload": Way("POST", "/upload", ("Content-Length: 99999999",)),
    "no answer": Way("GET", "/waits"),
    "upgrade": Way("GET", "/upgrade", WEBSOCKET),
    "connect": Way("CONNECT", "web-1001:1"),
}


def is_mine(call: Call) -> bool:
    return call.element == 1


def has_ended(connection: socket.socket) -> bool:
    """Read to the end, or to the router's answer that there will be none; else TimeoutError."""
    with contextlib.suppress(ConnectionResetError):
        while data := connection.recv(1 << 20):
            if b"application-unreachable" in data:
                return True
    return True


@pytest.fixture(scope="module")
def app() -> Endless:
    return Endless()


@pytest.fixture(scope="module")
def router(app: Endless) -> Iterator[Router]:
    with (
        short_directory() as directory,
        standing(app) as port,
        standing(listener.echo) as echo,
        Router(
            directory,
            [backend(port), backend(echo, "echo")],
            [key("mine", 1), key("other", 2)],
        ) as running,
    ):
        yield running


@pytest.mark.parametrize("kind", WAYS)
async def test_what_is_under_way_ends_and_nothing_of_others(
    router: Router, app: Endless, kind: str
) -> None:
    """On a connection on which another one has been served before, too."""
    app.heads.clear()
    with router.connect() as mine, router.connect() as kept, router.connect() as other:
        kept.sendall(head("GET", "/short", "1001", OTHER).encode())
        assert read_reply(kept).body == b"ok"
        # A CONNECT must be the first on a connection.
        all_mine = [mine] if kind == "connect" else [mine, kept]
        for connection in all_mine:
            WAYS[kind].begin(connection, MINE)
        WAYS[kind].begin(other, OTHER)
        count = len(all_mine)
        await eventually(lambda: len(app.heads) == count + 2, what="all under way")
        assert await router.runtime.end(is_mine) == count
        for connection in all_mine:
            assert await asyncio.to_thread(has_ended, connection)
        assert await router.runtime.end(lambda call: call.registration == 1001) == 1
        assert await asyncio.to_thread(has_ended, other)
    assert await router.runtime.end(lambda _: True) == 0


async def test_what_an_element_with_limits_has_under_way_ends(short_dir: Path) -> None:
    """It is told by its address from others with limits, and by its limits from all others."""
    keys = [key("mine", 1, rate=100), key("other", 2), key("elsewhere", 3, connections=9)]
    with (
        standing(listener.echo) as echo,
        Router(short_dir, [backend(echo)], keys) as router,
        router.tunnel("1001", MINE) as mine,
        router.tunnel("1001", OTHER) as other,
        socket.create_connection(("127.0.0.1", router.port), 10, ("127.0.0.5", 0)) as elsewhere,
    ):
        elsewhere.sendall(head("CONNECT", "1001:1", "1001", "Ground2Cloud-Key: elsewhere").encode())
        assert read_head(elsewhere)[0] == 200
        mine.sendall(b"some")
        assert mine.recv(4) == b"some"
        assert await router.runtime.end(is_mine) == 1
        assert has_ended(mine)
        for connection in (other, elsewhere):
            connection.sendall(b"still here")
            assert connection.recv(100) == b"still here"
        used = (await router.runtime.stats())["1001/web"]
        assert (used.requests, used.open) == (3, 2)
        assert await router.runtime.end(lambda call: call.element == 3) == 1
        assert has_ended(elsewhere)
        # What an address has used is forgotten in time, and was used all the same.
        assert re.search(r"exp=[1-9]", router.show("show table limited"))
        assert "@" not in router.show("show table routes")
        router.show("clear table limited key 1001/web@3@127.0.0.5")
        used = (await router.runtime.stats())["1001/web"]
        assert (used.requests, used.open) == (3, 1)


@pytest.mark.parametrize("element", [3, 4])
async def test_of_two_elements_with_limits_at_one_address_each_can_be_ended(
    short_dir: Path, element: int
) -> None:
    """Whatever the router tells first of them."""
    keys = [key("three", 3, rate=100), key("four", 4, connections=9), key("other", 2)]
    with (
        standing(listener.echo) as echo,
        Router(short_dir, [backend(echo)], keys) as router,
        router.tunnel("1001", "Ground2Cloud-Key: three") as three,
        router.tunnel("1001", "Ground2Cloud-Key: four") as four,
        router.tunnel("1001", OTHER) as other,
    ):
        assert await router.runtime.end(lambda call: call.element == element) > 0
        assert has_ended(three if element == 3 else four)
        other.sendall(b"still here")
        assert other.recv(100) == b"still here"


@pytest.mark.parametrize("element", [1, None])
async def test_one_port_of_a_caller_may_lead_to_two_listeners(
    short_dir: Path, element: int | None
) -> None:
    number = free_port()
    plain = PlainPorts(addresses=("127.0.1.1",), networks=("127.0.0.0/8",))
    service = backend(number, slots=("127.0.0.2",))
    with (
        standing(listener.echo, "127.0.0.2", number),
        Router(short_dir, [service], [key("mine", 1)], plain=plain) as router,
        socket.socket() as one,
        socket.socket() as two,
    ):
        source = ("127.0.0.4", free_port())
        for connection, place in (one, ("127.0.0.1", router.port)), (two, ("127.0.1.1", number)):
            connection.settimeout(10)
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            connection.bind(source)
            connection.connect(place)
            if connection is one:
                one.sendall(head("CONNECT", "web-1001:1", "1001", MINE).encode())
                assert read_head(one)[0] == 200
            connection.sendall(b"here")
            assert connection.recv(4) == b"here"
        assert await router.runtime.end(lambda call: call.element == element) > 0
        assert has_ended(one if element else two)


async def test_what_came_by_tls_on_a_shared_port_ends(short_dir: Path) -> None:
    shared = free_port()
    with standing(listener.echo) as echo, standing(listener.greets) as sshd:
        tls = Tls(
            listen=(Endpoint("127.0.0.1", shared),),
            certificate=certificate(short_dir),
            sshd=Endpoint("127.0.0.1", sshd),
        )
        trusting = ssl.create_default_context(cafile=short_dir / "cert.pem")
        trusting.check_hostname = False
        with (
            Router(short_dir, [backend(echo)], [key("mine", 1)], tls=(tls,)) as router,
            router.connect(shared) as lane,
            trusting.wrap_socket(router.connect(shared)) as mine,
        ):
            assert lane.recv(100) == b"welcome\n"
            mine.sendall(head("CONNECT", "web-1001:1", "1001", MINE).encode())
            assert read_head(mine)[0] == 200
            assert await router.runtime.end(is_mine) == 1
            assert has_ended(mine)
            lane.sendall(b"still here")
            assert lane.recv(100) == b"still here"


async def test_a_key_that_is_gone_opens_nothing_at_a_worker_from_before_a_reload(
    short_dir: Path,
) -> None:
    """It still takes requests on the connections that it has, and has maps of its own."""
    release = threading.Event()

    def pauses(connection: socket.socket) -> None:
        while listener.read_request(connection):
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\no")
            release.wait(10)
            connection.sendall(b"k")

    with (
        standing(pauses) as port,
        Router(short_dir, [backend(port)], [key("mine", 1), key("other", 2)]) as router,
        router.connect() as connection,
    ):
        connection.sendall(head("GET", "/", "1001", OTHER).encode())
        assert read_head(connection)[0] == 200
        router.reload()
        # More than fit one line.
        gone = [(maps.GRANTS, f"{hashed('mine')}/{number}/{'x' * 63}") for number in range(120)]
        assert await router.runtime.end(is_mine, [*gone, (maps.KEYS, hashed("mine"))]) == 0
        connection.sendall(head("GET", "/", "1001", MINE).encode())
        release.set()
        assert connection.recv(1) + connection.recv(1) == b"ok"
        assert read_reply(connection).error == "wrong-key"
        assert router.get("1001", MINE).status == 200, "of the present one's maps nothing is said"


async def test_a_worker_that_hangs_keeps_nobody_in_another_one(short_dir: Path) -> None:
    with (
        standing(listener.echo) as echo,
        Router(short_dir, [backend(echo)], [key("mine", 1)]) as router,
        router.tunnel("1001", MINE) as before,
    ):
        assert router.process is not None
        old = descendants(router.process.pid)
        router.reload()
        with router.tunnel("1001", MINE) as present:
            for process in old:
                process.suspend()
            try:
                with pytest.raises(RuntimeSocketError, match="did not answer"):
                    await router.runtime.end(is_mine)
                assert has_ended(present)
            finally:
                for process in old:
                    process.resume()
            assert await router.runtime.end(is_mine) == 1
            assert has_ended(before)
