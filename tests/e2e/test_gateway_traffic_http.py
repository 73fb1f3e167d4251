"""HTTP of every kind through a whole gateway, to an agent that joined by one line."""

import asyncio
import contextlib
import hashlib
import http.client
import json
import statistics
import time
from collections.abc import AsyncIterator, Iterator

import aiohttp
import psutil
import pytest
from aiohttp import ClientSession, TCPConnector, TraceConfig, WSMsgType

from ground2cloud.config.model import Kind
from tests.lab.connecting import Way
from tests.lab.gateway import Response
from tests.lab.httpapp import HttpApp
from tests.lab.joined import Application, Joined, joined
from tests.lab.processes import descendants
from tests.lab.waiting import eventually, wait_until
from tests.lab.webapp import PIECE, WebApp, pieces

# The fixtures have deadlines of their own.
pytestmark = pytest.mark.timeout(120, func_only=True)

MUCH = 2**31 + 12_345
"""2 GB, more than a signed number of 32 bits counts."""

CHECKSUM = "db9f443e3fc8403b787ba39f8b88fe4aea7b8cff7aa8bcab2bd6492fa8fc938c"
"""SHA-256 of `pieces(MUCH)`: known to whoever sends them; who receives them computes it."""

MEMORY = 150_000_000
"""Bytes that no process of gateway and agent needs, however much passes through it."""

REFUSALS = [("none", 401, "no-key"), ("wrong", 401, "wrong-key"), ("other", 403, "not-granted")]
"""Which key a caller has, and what it is told."""


@pytest.fixture(scope="module")
def app() -> Iterator[WebApp]:
    """The application that is called."""
    with WebApp() as running:
        yield running


@pytest.fixture(scope="module")
def scene(app: WebApp) -> Iterator[Joined]:
    """A gateway, and an agent with the services `web` and `other`."""
    with (
        HttpApp("other") as other,
        joined(
            {"web": Application(Kind.HTTP, app.port), "other": Application(Kind.HTTP, other.port)}
        ) as running,
    ):
        yield running


@pytest.fixture(scope="module")
def callers(scene: Joined) -> dict[str, dict[str, str]]:
    """The headers of callers of `web` by the key that they have."""
    keys = {"none": None, "wrong": "w" * 43, "other": scene.key("other"), "right": scene.key("web")}
    return {whose: scene.headers("web", key) for whose, key in keys.items()}


@pytest.fixture(scope="module")
def headers(callers: dict[str, dict[str, str]]) -> dict[str, str]:
    """What leads to `web`."""
    return callers["right"]


@pytest.fixture
async def session(scene: Joined) -> AsyncIterator[ClientSession]:
    """A caller with one connection at a time."""
    base = f"http://127.0.0.1:{scene.gateway.http_port}"
    timeout = aiohttp.ClientTimeout(total=30)
    async with ClientSession(base, connector=TCPConnector(limit=1), timeout=timeout) as caller:
        yield caller


@contextlib.contextmanager
def connection(scene: Joined) -> Iterator[http.client.HTTPConnection]:
    """A caller that blocks."""
    made = http.client.HTTPConnection("127.0.0.1", scene.gateway.http_port, timeout=30)
    with contextlib.closing(made):
        yield made


def upload(
    caller: http.client.HTTPConnection, body: Iterator[bytes], headers: dict[str, str]
) -> None:
    """Send `MUCH` bytes."""
    length = {"Content-Length": str(MUCH)}
    caller.request("POST", "/digest", body=body, headers={**headers, **length})


# Bodies ---------------------------------------------------------------------------------------


@pytest.mark.timeout(240, func_only=True)  # 24 s seen beside three other tests, 115 s at load 17
def test_two_gigabytes_up_arrive_as_they_were_sent(scene: Joined, headers: dict[str, str]) -> None:
    with connection(scene) as caller:
        upload(caller, pieces(MUCH), headers)
        told = json.load(caller.getresponse())
    assert (told["bytes"], told["sha256"]) == (MUCH, CHECKSUM)
    assert_little_memory(scene)


@pytest.mark.timeout(240, func_only=True)  # 22 s beside three others
def test_two_gigabytes_down_arrive_as_they_were_sent(
    scene: Joined, headers: dict[str, str]
) -> None:
    digest, size, buffer = hashlib.sha256(), 0, bytearray(PIECE)
    with connection(scene) as caller:
        caller.request("GET", f"/stream/{MUCH}", headers=headers)
        response = caller.getresponse()
        assert response.headers["Content-Length"] == str(MUCH)
        while count := response.readinto(buffer):
            digest.update(memoryview(buffer)[:count])
            size += count
    assert (size, digest.hexdigest()) == (MUCH, CHECKSUM)
    assert_little_memory(scene)


async def test_a_body_without_a_length_streams_both_ways_at_once(
    session: ClientSession, headers: dict[str, str]
) -> None:
    """Each piece is sent when the one before has come back: none waits in the router for more."""
    returned = asyncio.Semaphore(1)
    sent = [b"%d:" % number + b"x" * 2000 * number for number in range(40)]
    took: list[float] = []

    async def body() -> AsyncIterator[bytes]:
        for piece in sent:
            await returned.acquire()
            yield piece

    async with session.post("/echo", data=body(), headers=headers) as response:
        assert response.status == 200
        assert response.headers["Transfer-Encoding"] == "chunked"
        assert "Content-Length" not in response.headers
        for piece in sent:
            begun = time.monotonic()
            assert await response.content.readexactly(len(piece)) == piece
            took.append(time.monotonic() - begun)
            returned.release()
        assert await response.content.read() == b""
    # A piece that waits for more does so for 0.2 s, each of them; a busy machine delays some.
    assert statistics.quantiles(took, n=4)[0] < 0.15, took


async def test_the_application_sees_that_a_body_has_no_length(
    session: ClientSession, headers: dict[str, str]
) -> None:
    async def body() -> AsyncIterator[bytes]:
        for piece in pieces(5 * PIECE + 1):
            yield piece

    digest = hashlib.sha256(b"".join(pieces(5 * PIECE + 1)))
    async with session.post("/digest", data=body(), headers=headers) as response:
        told = await response.json()
    assert (told["bytes"], told["sha256"]) == (5 * PIECE + 1, digest.hexdigest())
    assert told["headers"]["Transfer-Encoding"] == "chunked"
    assert "Content-Length" not in told["headers"]


async def test_a_body_waits_for_the_application_s_100_continue(
    session: ClientSession, headers: dict[str, str]
) -> None:
    async with session.post(
        "/digest", data=b"x" * 100_000, headers=headers, expect100=True
    ) as response:
        told = await response.json()
    assert told["bytes"] == 100_000
    assert told["headers"]["Expect"] == "100-continue"


# Connections ----------------------------------------------------------------------------------


async def test_a_kept_connection_carries_many_requests(
    scene: Joined, app: WebApp, headers: dict[str, str]
) -> None:
    opened = 0

    async def count(*_: object) -> None:
        nonlocal opened
        opened += 1

    trace = TraceConfig()
    trace.on_connection_create_end.append(count)
    base = f"http://127.0.0.1:{scene.gateway.http_port}"
    async with ClientSession(
        base, connector=TCPConnector(limit=1), trace_configs=[trace]
    ) as caller:
        for number in range(200):
            async with caller.get(f"/number/{number}", headers=headers) as response:
                seen = await response.json()
                assert "Ground2Cloud-Key" not in seen
                assert seen["X-Forwarded-For"] == "127.0.0.1"
    assert opened == 1
    peers = {app.peers[f"/number/{number}"] for number in range(200)}
    assert len(peers) == 1, "nor is a connection opened for each beyond the router"


async def test_a_websocket_carries_frames_of_every_size_both_ways(
    session: ClientSession, app: WebApp, headers: dict[str, str]
) -> None:
    app.closes.clear()
    async with session.ws_connect("/socket", headers=headers, max_msg_size=0) as socket:
        assert socket.get_extra_info("peername") is not None
        await socket.send_str("grüezi")
        assert await socket.receive_str() == "grüezi"
        for size in (0, 1, 125, 126, 65_535, 65_536, 20 * PIECE + 1):
            message = b"".join(pieces(size))
            await socket.send_bytes(message)
            assert await socket.receive_bytes() == message
        # Both ways at once: nobody reads before everything is sent.
        await asyncio.gather(*(socket.send_str(f"{number}") for number in range(1000)))
        assert [await socket.receive_str() for _ in range(1000)] == [f"{n}" for n in range(1000)]
        await socket.ping(b"there?")
        await socket.send_str("after the ping")
        assert await socket.receive_str() == "after the ping"
        await socket.close(code=4001, message=b"enough")
    await eventually(lambda: app.closes == [4001], what="the caller's close at the application")


async def test_an_application_closes_a_websocket_in_its_own_words(
    session: ClientSession, headers: dict[str, str]
) -> None:
    async with session.ws_connect("/socket", headers=headers) as socket:
        await socket.send_str("close")
        message = await socket.receive()
        assert (message.type, message.data, message.extra) == (WSMsgType.CLOSE, 4002, "as you wish")


# Refused --------------------------------------------------------------------------------------


@pytest.mark.parametrize("case", REFUSALS)
async def test_without_the_key_nothing_reaches_the_application(
    app: WebApp,
    session: ClientSession,
    callers: dict[str, dict[str, str]],
    case: tuple[str, int, str],
) -> None:
    whose, status, error = case
    headers = callers[whose]
    app.paths.clear()

    async def body() -> AsyncIterator[bytes]:
        raise AssertionError("the body was asked for")
        yield b""

    async with session.get(f"/stream/{PIECE}", headers=headers) as response:
        assert await refusal(response) == (status, error)
    async with session.post("/digest", data=body(), headers=headers, expect100=True) as response:
        assert await refusal(response) == (status, error)
    with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
        await session.ws_connect("/socket", headers=headers)
    assert refused.value.status == status
    assert refused.value.headers is not None
    assert refused.value.headers["Ground2Cloud-Error"] == error
    assert set(app.paths) <= {"/"}, "what the agent's own check asks for"


async def refusal(response: aiohttp.ClientResponse) -> tuple[int, str]:
    """Status and slug, which header and body agree about."""
    body = await response.json()
    assert body["error"] == response.headers["Ground2Cloud-Error"]
    assert body["message"]
    return response.status, body["error"]


def test_a_refusal_is_heard_in_the_middle_of_an_upload(
    scene: Joined, app: WebApp, callers: dict[str, dict[str, str]]
) -> None:
    app.paths.clear()
    with connection(scene) as caller:
        # The router reads no further: what a caller sends then fails, and the answer is there.
        with pytest.raises((BrokenPipeError, ConnectionResetError)):
            upload(caller, pieces(MUCH), callers["other"])
        answer = caller.getresponse()
        assert (answer.status, json.load(answer)["error"]) == (403, "not-granted")
    assert set(app.paths) <= {"/"}


def test_an_element_has_only_so_many_connections(scene: Joined) -> None:
    key = scene.key("other", options=("--connections", "2"))
    with scene.led("other", key) as way, contextlib.ExitStack() as stack:
        for _ in range(2):
            held = stack.enter_context(contextlib.closing(through(way)))
            held.request("GET", "/")
            assert held.getresponse().read() == b"hello from other\n"
        third = stack.enter_context(contextlib.closing(through(way)))
        with pytest.raises(ConnectionResetError):
            first_byte(third)
        told = "too-many-connections: This element has too many connections at once. - "
        assert way.words().startswith(told)
        assert scene.ask("other", key)[:2] == (429, "too-many-connections")
    wait_until(lambda: scene.ask("other", key).status == 200, what="the end of both")


def test_an_element_has_only_so_many_requests_a_second(scene: Joined) -> None:
    key = scene.key("other", options=("--rate", "5"))
    assert scene.ask("other", key).status == 200
    refused = wait_until(lambda: over(scene.ask("other", key)), what="a refusal", interval=0)
    assert refused.error == "too-many-requests"
    wait_until(lambda: scene.ask("other", key).status == 200, what="another second", interval=0.3)


def over(answer: Response) -> Response | None:
    return answer if answer.status == 429 else None


def first_byte(caller: http.client.HTTPConnection) -> bytes:
    """May be refused as early as while it connects."""
    caller.connect()
    return caller.sock.recv(1)


def through(way: Way) -> http.client.HTTPConnection:
    return http.client.HTTPConnection("127.0.0.1", way.port, timeout=30)


# Cut ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", [f"/stream/{MUCH}", "/endless"])
async def test_who_downloads_when_the_lane_dies_hears_of_it_and_comes_again(
    scene: Joined, session: ClientSession, headers: dict[str, str], path: str
) -> None:
    """Half of an answer is never taken for all of it, with a length and without."""
    async with session.get(path, headers=headers) as response:
        assert len(await response.content.readexactly(PIECE)) == PIECE
        scene.cut()
        with pytest.raises(aiohttp.ClientPayloadError):
            await drain(response.content)
    await asyncio.to_thread(scene.wait_back, "web")


async def drain(stream: aiohttp.StreamReader) -> None:
    while await stream.readany():
        pass


def test_who_uploads_when_the_lane_dies_hears_of_it_and_comes_again(
    scene: Joined, app: WebApp, headers: dict[str, str]
) -> None:
    """By the end of the connection: HAProxy gives no answer in the middle of a body."""
    app.paths.clear()

    def body() -> Iterator[bytes]:
        for number, piece in enumerate(pieces(MUCH)):
            if number == 50:
                assert "/digest" in app.paths
                scene.cut()
            yield piece

    with connection(scene) as caller, pytest.raises((BrokenPipeError, ConnectionResetError)):
        upload(caller, body(), headers)
    scene.wait_back("web")


async def test_a_websocket_whose_lane_dies_ends(
    scene: Joined, session: ClientSession, headers: dict[str, str]
) -> None:
    async with session.ws_connect("/socket", headers=headers) as socket:
        await socket.send_str("before")
        assert await socket.receive_str() == "before"
        scene.cut()
        assert (await socket.receive()).type in {WSMsgType.CLOSED, WSMsgType.ERROR}
        assert socket.close_code == aiohttp.WSCloseCode.ABNORMAL_CLOSURE
    await asyncio.to_thread(scene.wait_back, "web")


def assert_little_memory(scene: Joined) -> None:
    for pid in (scene.gateway.pid, scene.agent.pid):
        sizes: dict[psutil.Process, int] = {}
        for process in (psutil.Process(pid), *descendants(pid)):
            with contextlib.suppress(psutil.NoSuchProcess):
                sizes[process] = process.memory_info().rss
        assert len(sizes) > 1
        assert max(sizes.values()) < MEMORY, sizes
