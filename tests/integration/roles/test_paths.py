"""The agent's side of the proof of a path: its responder, over real sockets, and its verdicts."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable

import pytest

from ground2cloud.backchannel.errors import UnreachableError
from ground2cloud.backchannel.messages import ProbeAnswer, ProbePlace
from ground2cloud.openssh.forward import Forward
from ground2cloud.roles.registration import paths as module
from ground2cloud.roles.registration.paths import Paths
from tests.unit.config.test_identity import GOOD

SLOT = "127.0.0.1"
PLACE = ProbePlace(address="127.128.31.72", port=11081)


class Gateway:
    """Answers probes by what `send` makes of the nonce, called in the client's thread."""

    def __init__(self, send: Callable[[str], ProbeAnswer]) -> None:
        self.send = send

    def probe(self, slot: str, nonce: str) -> ProbeAnswer:
        assert slot == SLOT
        return self.send(nonce)


@pytest.fixture
def gateway(monkeypatch: pytest.MonkeyPatch) -> Gateway:
    """Whom the agent asks for probes; it refuses, until it is told what to answer."""
    found = Gateway(silent)
    monkeypatch.setattr(module, "client_of", lambda *_, **__: found)
    return found


def silent(_nonce: str) -> ProbeAnswer:
    raise UnreachableError("the gateway is away")


@pytest.fixture
async def paths() -> AsyncIterator[Paths]:
    found = Paths(lambda: (SLOT,))
    yield found
    found.close()
    await asyncio.sleep(0.05)  # for those who were connected to be hung up on


async def forward(paths: Paths) -> Forward:
    made = await paths.forward(PLACE)
    assert made is not None
    return made


async def say(port: int, words: bytes) -> bytes:
    """What the responder gives back."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(words)
    writer.write_eof()
    try:
        return await reader.read()
    finally:
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()


async def test_what_comes_through_is_given_back_once(paths: Paths, gateway: Gateway) -> None:
    made = await forward(paths)
    assert (made.bind, made.port) == (PLACE.address, PLACE.port)
    loop, given = asyncio.get_running_loop(), []

    def through(nonce: str) -> ProbeAnswer:
        for _ in range(2):
            said = say(made.target_port, f"{nonce}\n".encode())
            given.append(asyncio.run_coroutine_threadsafe(said, loop).result(20).decode())
        assert given == [nonce, ""]
        return ProbeAnswer(result="passed", took=0.001)

    gateway.send = through
    assert await paths.prove(GOOD, 30)
    proof = paths.of(SLOT)
    assert proof is not None
    assert proof.ok
    assert proof.until == pytest.approx(proof.at + 90)


async def test_a_gateway_that_only_says_so_is_not_believed(paths: Paths, gateway: Gateway) -> None:
    await forward(paths)
    gateway.send = lambda _nonce: ProbeAnswer(result="passed")
    assert not await paths.prove(GOOD, 30)
    proof = paths.of(SLOT)
    assert proof is not None
    assert (proof.ok, proof.detail) == (False, "the gateway's probe did not come here")


async def test_why_it_failed_is_kept_and_told_once(
    paths: Paths, gateway: Gateway, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    gateway.send = lambda _nonce: ProbeAnswer(
        result="failed", detail="nothing came back within 4 s"
    )
    for _ in range(2):
        assert not await paths.prove(GOOD, 30)
    assert caplog.text.count("nothing came back within 4 s") == 1


async def test_no_answer_says_nothing_of_the_path(paths: Paths, gateway: Gateway) -> None:
    assert await paths.prove(GOOD, 30)
    assert paths.of(SLOT) is None
    gateway.send = lambda _nonce: ProbeAnswer(result="failed")
    assert not await paths.prove(GOOD, 30)
    gateway.send = silent
    assert await paths.prove(GOOD, 30)
    assert paths.of(SLOT) is not None, "what was found before stays, until it is too old"
    gateway.send = lambda _nonce: ProbeAnswer(result="not-supported")
    assert await paths.prove(GOOD, 30)
    assert paths.of(SLOT) is None


@pytest.mark.parametrize("words", [b"n" * 32 + b"\n", b"\n", b"", b"x" * 100_000, b"\xff\x00\n"])
async def test_the_responder_gives_nobody_else_an_answer(paths: Paths, words: bytes) -> None:
    made = await forward(paths)
    with contextlib.suppress(OSError):  # it hangs up in the middle
        assert await say(made.target_port, words) == b""


async def test_many_connections_leave_it_well(paths: Paths, gateway: Gateway) -> None:
    made = await forward(paths)
    held = [await asyncio.open_connection("127.0.0.1", made.target_port) for _ in range(16)]
    loop = asyncio.get_running_loop()

    async def try_both(nonce: bytes) -> tuple[bytes, bytes]:
        one_more = b""
        with contextlib.suppress(OSError):  # it hangs up in the middle
            one_more = await say(made.target_port, nonce)
        for _, writer in held:
            writer.close()
            await writer.wait_closed()
        await asyncio.sleep(0.2)  # until the responder has seen it, too
        return one_more, await say(made.target_port, nonce)

    def through(nonce: str) -> ProbeAnswer:
        both = asyncio.run_coroutine_threadsafe(try_both(f"{nonce}\n".encode()), loop)
        assert both.result(20) == (b"", nonce.encode())
        return ProbeAnswer(result="passed")

    gateway.send = through
    assert await paths.prove(GOOD, 30)
    assert paths.of(SLOT) is not None


async def test_its_end_hangs_up_on_everybody(paths: Paths) -> None:
    made = await forward(paths)
    reader, writer = await asyncio.open_connection("127.0.0.1", made.target_port)
    await say(made.target_port, b"x\n")  # so the one before was taken, too
    paths.close()
    async with asyncio.timeout(3):
        assert await reader.read() == b""
    writer.close()
    await writer.wait_closed()
    with pytest.raises(OSError, match=r"(?i)failed|refused"):
        await say(made.target_port, b"x\n")
