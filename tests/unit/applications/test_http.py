"""HTTP: what is asked, and what counts as an answer."""

import asyncio

import pytest

from ground2cloud import __version__
from ground2cloud.applications.connect import connect
from ground2cloud.applications.conversation import Conversation
from ground2cloud.applications.http import check
from ground2cloud.config.model import Kind
from tests.unit.applications.fakes import Script, answer_of, application, says


@pytest.mark.parametrize(
    ("line", "detail"),
    [
        (b"HTTP/1.1 200 OK", "HTTP 200 OK"),
        (b"HTTP/1.0 404 Not Found", "HTTP 404 Not Found"),
        (b"HTTP/1.1 503 Service Unavailable", "HTTP 503 Service Unavailable"),
        (b"HTTP/1.1 401", "HTTP 401"),
        (b"HTTP/1.1 204 ", "HTTP 204"),
        (b"HTTP/1.1 200 \x1b[31mred", "HTTP 200 \\x1b[31mred"),
    ],
)
async def test_any_status_is_an_answer(line: bytes, detail: str) -> None:
    answer = await answer_of(Kind.HTTP, says(line + b"\r\nServer: x\r\n\r\n"))
    assert (answer.ok, answer.detail) == (True, detail)


@pytest.mark.parametrize("line", [b"HTTP/1.1 2000 OK", b"HTTP/1.1 abc", b"SSH-2.0-OpenSSH_9.2"])
async def test_anything_else_is_none(line: bytes) -> None:
    answer = await answer_of(Kind.HTTP, says(line + b"\r\n"))
    assert not answer.ok
    assert answer.detail.startswith(f"does not speak HTTP, it said: {line.decode()}")


async def test_an_application_behind_tls_answers_with_an_alert() -> None:
    answer = await answer_of(Kind.HTTP, says(b"\x15\x03\x01\x00\x02\x02\x46"))
    assert (answer.ok, answer.detail) == (True, "answers with TLS")


def recording(heard: list[bytes], reply: bytes = b"HTTP/1.1 200 OK\r\n\r\n") -> Script:
    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(reply)
        await writer.drain()
        writer.write_eof()
        heard.append(await reader.read())

    return script


async def test_the_request_is_small_and_says_who_asks() -> None:
    heard: list[bytes] = []
    async with application(recording(heard)) as port:
        talk = Conversation("localhost", port, await connect("127.0.0.1", port))
        await check(talk)
        talk.close()
    lines = heard[0].decode().split("\r\n")
    assert lines[0] == "HEAD / HTTP/1.1"
    assert f"Host: localhost:{port}" in lines
    assert "Connection: close" in lines
    assert f"User-Agent: ground2cloud/{__version__} (check)" in lines


async def test_an_address_of_ip_version_6_is_bracketed() -> None:
    heard: list[bytes] = []
    async with application(recording(heard)) as port:
        talk = Conversation("::1", port, await connect("127.0.0.1", port))
        await check(talk)
        talk.close()
    assert f"Host: [::1]:{port}\r\n".encode() in heard[0]


async def test_the_application_may_finish_before_the_connection_ends() -> None:
    """What it still says is read, so that it sees no broken connection in its log."""
    heard: list[bytes] = []
    answer = await answer_of(Kind.HTTP, recording(heard, b"HTTP/1.1 200 OK\r\n" + b"x" * 20_000))
    assert answer.ok
    assert heard[1:] == [b""]


async def test_an_answer_counts_though_a_reset_follows() -> None:
    """So it is with a server that doesn't read the request to its end."""

    async def does_not_listen(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.transport.pause_reading()  # type: ignore[attr-defined] # the stubs forget it
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        await asyncio.sleep(0.1)

    answer = await answer_of(Kind.HTTP, does_not_listen)
    assert (answer.ok, answer.detail) == (True, "HTTP 400 Bad Request")


async def test_one_that_never_closes_costs_a_second_and_no_more() -> None:
    async def keeps_open(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        await reader.read()

    async with asyncio.timeout(4):
        answer = await answer_of(Kind.HTTP, keeps_open, timeout=30)
    assert answer.ok
    assert answer.took < 1
