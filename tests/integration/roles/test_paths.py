"""The agent's side of the proof of a path: its responder, over real sockets, and its verdicts."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from typing import TYPE_CHECKING, cast

import pytest

from ground2cloud.backchannel.errors import UnreachableError
from ground2cloud.backchannel.messages import ProbeAnswer, ProbePlace
from ground2cloud.openssh.forward import Forward
from ground2cloud.roles.registration.paths import Paths

if TYPE_CHECKING:
    from ground2cloud.backchannel.client import Client

SLOT = "127.0.0.1"
PLACE = ProbePlace(address="127.128.31.72", port=11081)


class Gateway:
    """Answers probes by what `send` makes of the nonce, called in the client's thread."""

    def __init__(self, send: Callable[[str], ProbeAnswer]) -> None:
        self._send = send

    def probe(self, slot: str, nonce: str) -> ProbeAnswer:
        assert slot == SLOT
        return self._send(nonce)


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


async def proved(paths: Paths, send: Callable[[str], ProbeAnswer]) -> bool:
    return await paths.prove(cast("Client", Gateway(send)))


async def test_what_comes_through_is_given_back_once(paths: Paths) -> None:
    made = await forward(paths)
    assert (made.bind, made.port) == (PLACE.address, PLACE.port)
    loop, given = asyncio.get_running_loop(), []

    def through(nonce: str) -> ProbeAnswer:
        for _ in range(2):
            said = say(made.target_port, f"{nonce}\n".encode())
            given.append(asyncio.run_coroutine_threadsafe(said, loop).result(5).decode())
        assert given == [nonce, ""]
        return ProbeAnswer(result="passed", took=0.001)

    assert await proved(paths, through)
    proof = paths.of(SLOT)
    assert proof is not None
    assert proof.ok


async def test_a_gateway_that_only_says_so_is_not_believed(paths: Paths) -> None:
    await forward(paths)
    assert not await proved(paths, lambda _nonce: ProbeAnswer(result="passed"))
    proof = paths.of(SLOT)
    assert proof is not None
    assert (proof.ok, proof.detail) == (False, "the gateway's probe did not come here")


async def test_why_it_failed_is_kept_and_told_once(
    paths: Paths, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    for _ in range(2):
        answer = ProbeAnswer(result="failed", detail="nothing came back within 4 s")
        assert not await proved(paths, lambda _nonce, answer=answer: answer)
    assert caplog.text.count("nothing came back within 4 s") == 1


async def test_no_answer_says_nothing_of_the_path(paths: Paths) -> None:
    def silent(_nonce: str) -> ProbeAnswer:
        raise UnreachableError("the gateway is away")

    assert await proved(paths, silent)
    assert await proved(paths, lambda _nonce: ProbeAnswer(result="not-supported"))
    assert paths.of(SLOT) is None


@pytest.mark.parametrize("words", [b"n" * 32 + b"\n", b"\n", b"", b"x" * 100_000, b"\xff\x00\n"])
async def test_the_responder_gives_nobody_else_an_answer(paths: Paths, words: bytes) -> None:
    made = await forward(paths)
    with contextlib.suppress(OSError):  # it hangs up in the middle
        assert await say(made.target_port, words) == b""


async def test_many_connections_leave_it_well(paths: Paths) -> None:
    made = await forward(paths)
    held = [await asyncio.open_connection("127.0.0.1", made.target_port) for _ in range(16)]
    with contextlib.suppress(OSError):
        assert await say(made.target_port, b"x\n") == b"", "one more is hung up on"
    for _, writer in held:
        writer.close()
        await writer.wait_closed()
    assert await forward(paths) == made


async def test_its_end_hangs_up_on_everybody(paths: Paths) -> None:
    made = await forward(paths)
    reader, writer = await asyncio.open_connection("127.0.0.1", made.target_port)
    await say(made.target_port, b"x\n")  # so the one before was taken, too
    paths.close()
    async with asyncio.timeout(3):
        assert await reader.read() == b""
    writer.close()
    await writer.wait_closed()
    with pytest.raises(OSError, match="failed"):
        await say(made.target_port, b"x\n")
