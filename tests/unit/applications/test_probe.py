"""Whatever the other side does, a check ends in time and with an answer in one line."""

import asyncio
import socket
import subprocess
import sys
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ground2cloud.applications.probe import probe
from ground2cloud.config.model import Kind
from tests.unit.applications.fakes import answer_of, says

EVERY_KIND = tuple(Kind)
SPEAKING = tuple(kind for kind in Kind if kind is not Kind.TCP)

_STUCK_RESOLVER = """
import asyncio, socket, time
socket.getaddrinfo = lambda *a, **k: time.sleep(60)
from ground2cloud.applications.probe import probe
from ground2cloud.config.model import Kind
answer = asyncio.run(probe(Kind.TCP, "db.example", 1, timeout=0.2))
assert answer.detail == "no answer within 0.2 s", answer
"""


async def silent(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
    await reader.read()


async def says_no_word_and_closes(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.close()


async def resets(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    lingering = writer.get_extra_info("socket")
    lingering.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")


async def endless(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while True:
        writer.write(b"A" * 65536)
        await writer.drain()


async def one_byte_at_a_time(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while True:
        writer.write(b"H")
        await writer.drain()
        await asyncio.sleep(0.05)


@pytest.mark.parametrize("kind", EVERY_KIND)
async def test_a_closed_port_is_a_refused_connection(kind: Kind) -> None:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))  # and not listening
        answer = await probe(kind, "127.0.0.1", bound.getsockname()[1], timeout=5)
    assert (answer.ok, answer.detail) == (False, "connection refused")


@pytest.mark.parametrize("kind", SPEAKING)
async def test_silence_ends_with_the_timeout(kind: Kind) -> None:
    answer = await answer_of(kind, silent, timeout=0.2)
    assert (answer.ok, answer.detail) == (False, "no answer within 0.2 s")
    assert 0.15 < answer.took < 2


@pytest.mark.parametrize("kind", SPEAKING)
@pytest.mark.parametrize("script", [says_no_word_and_closes, resets])
async def test_an_end_before_the_answer_is_said_so(kind: Kind, script: object) -> None:
    answer = await answer_of(kind, script)  # type: ignore[arg-type] # parametrize has no types
    assert (answer.ok, answer.detail) == (False, "closed the connection")


@pytest.mark.parametrize("kind", SPEAKING)
@pytest.mark.parametrize("script", [endless, one_byte_at_a_time])
async def test_endless_and_slow_words_end_in_time(kind: Kind, script: object) -> None:
    begin = time.monotonic()
    answer = await answer_of(kind, script, timeout=0.6)  # type: ignore[arg-type] # the same
    assert not answer.ok
    assert time.monotonic() - begin < 5


async def test_plain_tcp_is_content_with_a_connection() -> None:
    answer = await answer_of(Kind.TCP, silent)
    assert (answer.ok, answer.detail) == (True, "accepts connections")
    assert answer.took < 2


@pytest.mark.parametrize("host", ["name.invalid", "a..b", "x" * 300, "a\0b", "münchen.invalid"])
async def test_a_name_that_does_not_exist_is_said_so(host: str) -> None:
    answer = await probe(Kind.TCP, host, 1, timeout=10)
    assert not answer.ok
    assert answer.detail.startswith("can't find the host ")
    assert answer.detail.isprintable()


async def test_every_address_of_a_name_is_tried() -> None:
    """`localhost` is ::1 first on many machines; the application may listen on one of both."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        answer = await probe(Kind.TCP, "localhost", server.getsockname()[1], timeout=5)
    assert answer.ok


def test_a_stuck_resolver_does_not_hold_up_the_end_of_the_program() -> None:
    begin = time.monotonic()
    subprocess.run([sys.executable, "-c", _STUCK_RESOLVER], check=True, timeout=30)
    assert time.monotonic() - begin < 10


async def test_a_cancelled_check_is_cancelled() -> None:
    task = asyncio.create_task(answer_of(Kind.HTTP, silent, timeout=30))
    await asyncio.sleep(0.05)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


@settings(max_examples=150, deadline=None)
@given(kind=st.sampled_from(EVERY_KIND), said=st.binary(max_size=300))
def test_no_words_of_the_other_side_break_a_check(kind: Kind, said: bytes) -> None:
    answer = asyncio.run(answer_of(kind, says(said)))
    assert answer.detail
    assert answer.detail.isprintable()
    assert len(answer.detail) < 300


@pytest.mark.parametrize("kind", SPEAKING)
async def test_what_is_not_understood_is_shown_escaped(kind: Kind) -> None:
    answer = await answer_of(kind, says(b"\x1b[2Jhello\r\nforged line\n"))
    assert not answer.ok
    assert "it said: \\x1b[2Jhello\\r\\nforged line" in answer.detail
