"""PostgreSQL: the answers to an SSLRequest; the real server is in tests/e2e."""

import asyncio

from ground2cloud.config.model import Kind
from tests.unit.applications.fakes import Script, answer_of


def answers(reply: bytes, heard: list[bytes]) -> Script:
    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.append(await reader.readexactly(8))
        writer.write(reply)
        await writer.drain()
        heard.append(await reader.read(5))

    return script


async def test_without_tls_nothing_more_is_said() -> None:
    heard: list[bytes] = []
    answer = await answer_of(Kind.POSTGRESQL, answers(b"N", heard))
    assert (answer.ok, answer.detail) == (True, "PostgreSQL answers, without TLS")
    assert heard == [bytes.fromhex("00000008 04d2162f"), b""]


async def test_with_tls_a_handshake_is_begun_and_may_fail() -> None:
    heard: list[bytes] = []
    answer = await answer_of(Kind.POSTGRESQL, answers(b"S", heard))
    assert (answer.ok, answer.detail) == (True, "PostgreSQL answers, with TLS")
    assert heard[1][:2] == b"\x16\x03"  # a TLS handshake record


async def test_an_error_is_an_answer_and_told() -> None:
    reply = b"Ecould not fork new process for connection\n\0"
    answer = await answer_of(Kind.POSTGRESQL, answers(reply, []))
    assert answer.ok
    assert answer.detail.startswith("PostgreSQL answers: could not fork new process")
