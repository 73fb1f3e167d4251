"""MySQL: the whole dance, with a small server that asks for every method."""

import asyncio
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ground2cloud.applications.conversation import NoAnswerError
from ground2cloud.applications.mysql import Greeting, parse_greeting
from ground2cloud.config.model import Kind
from tests.unit.applications.fakes import Script, answer_of, says

DENIED = b"\xff\x15\x04#28000Access denied for user 'ground2cloud_check'@'localhost'"
OK = b"\0\0\0\2\0\0\0"


def greeting(version: bytes = b"8.4.0", method: bytes = b"caching_sha2_password") -> bytes:
    head = b"\x0a" + version + b"\0" + bytes(4) + b"scramble\0"
    low, high = struct.pack("<I", 0x80000 | 0x8000 | 0x200)[:2], b"\x08\0"
    return (
        head + low + b"\x21\x02\0" + high + b"\x15" + bytes(10) + b"x" * 12 + b"\0" + method + b"\0"
    )


def packet(sequence: int, payload: bytes) -> bytes:
    return len(payload).to_bytes(3, "little") + bytes([sequence]) + payload


async def receive(reader: asyncio.StreamReader) -> tuple[int, bytes]:
    head = await reader.readexactly(4)
    return head[3], await reader.readexactly(int.from_bytes(head[:3], "little"))


def server(heard: list[tuple[int, bytes]], *packets: bytes, first: bytes = b"") -> Script:
    """Return a server that greets, then answers each packet with the next of its own."""

    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        sequence = 0
        writer.write(packet(0, first or greeting()))
        for payload in packets:
            heard.append(await receive(reader))
            sequence = heard[-1][0] + 1
            writer.write(packet(sequence, payload))
            await writer.drain()
        while rest := await reader.read(4):
            size = int.from_bytes(rest[:3], "little")
            heard.append((rest[3], await reader.readexactly(size)))

    return script


async def test_the_version_is_told_and_the_login_finished() -> None:
    heard: list[tuple[int, bytes]] = []
    answer = await answer_of(Kind.MYSQL, server(heard, DENIED))
    assert (answer.ok, answer.detail) == (True, "version 8.4.0")
    (sequence, login), *rest = heard
    assert sequence == 1
    assert not rest
    capabilities, _, charset = struct.unpack_from("<IIB", login)
    assert capabilities & 0x200
    assert charset == 33
    assert login[32:] == b"ground2cloud_check\0\x01\0caching_sha2_password\0"


async def test_mariadb_hides_its_version_behind_another() -> None:
    first = greeting(b"5.5.5-10.11.19-MariaDB", b"mysql_native_password")
    answer = await answer_of(Kind.MYSQL, server([], DENIED, first=first))
    assert answer.detail == "version 10.11.19-MariaDB"


@pytest.mark.parametrize(
    ("method", "more", "replies"),
    [
        (b"mysql_native_password", [], [b""]),
        (b"caching_sha2_password", [], [b"\0"]),
        (b"sha256_password", [], [b"\0"]),
        (b"client_ed25519", [], [bytes(64)]),
        (b"parsec", [b"\x01P0saltsaltsaltsalt"], [b"", bytes(96)]),
        (b"dialog", [b"\x04Password: "], [b"", b""]),
        (b"authentication_webauthn_client", [], [b""]),
    ],
)
async def test_another_method_is_answered_to_its_end(
    method: bytes, more: list[bytes], replies: list[bytes]
) -> None:
    """Going away in the middle would be a failed handshake."""
    heard: list[tuple[int, bytes]] = []
    switch = b"\xfe" + method + b"\0" + b"s" * 20 + b"\0"
    answer = await answer_of(Kind.MYSQL, server(heard, switch, *more, DENIED))
    assert answer.ok
    assert [payload for _, payload in heard[1:]] == replies
    assert [sequence for sequence, _ in heard] == list(range(1, 2 * len(heard), 2))


async def test_a_login_that_works_is_ended_in_order() -> None:
    heard: list[tuple[int, bytes]] = []
    answer = await answer_of(Kind.MYSQL, server(heard, OK))
    assert answer.ok
    assert heard[1:] == [(0, b"\x01")]  # COM_QUIT


@pytest.mark.parametrize(
    "error",
    [
        b"\x69\x04Host '10.0.0.7' is blocked because of many connection errors",
        b"\x10\x04#08004Too many connections",
    ],
)
async def test_a_server_that_refuses_to_greet_is_told_in_its_own_words(error: bytes) -> None:
    answer = await answer_of(Kind.MYSQL, says(packet(0, b"\xff" + error)))
    words = error[2:].decode().removeprefix("#08004")
    number = int.from_bytes(error[:2], "little")
    assert (answer.ok, answer.detail) == (False, f"refuses: {words} ({number})")


async def test_one_that_never_answers_the_login_has_answered_all_the_same() -> None:
    """Servers may delay a refusal on purpose (connection_control)."""
    answer = await answer_of(Kind.MYSQL, server([]), timeout=0.5)
    assert answer.ok
    assert answer.took < 0.4


async def test_endless_questions_end() -> None:
    async def asks(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(packet(0, greeting()))
        while True:
            sequence, _ = await receive(reader)
            writer.write(packet((sequence + 1) % 256, b"\x01again?"))

    async with asyncio.timeout(10):
        answer = await answer_of(Kind.MYSQL, asks, timeout=20)
    assert answer.ok


def test_a_greeting_without_a_method_means_the_old_one() -> None:
    old = b"\x0a5.1.73\0" + bytes(4) + b"scramble\0" + b"\xff\xf7\x21\x02\0" + bytes(13) + b"x" * 13
    assert parse_greeting(old) == Greeting("5.1.73", b"mysql_native_password")


@given(st.binary(max_size=120).map(lambda tail: b"\x0a" + tail) | st.binary(max_size=120))
def test_no_greeting_breaks_its_reading(said: bytes) -> None:
    try:
        understood = parse_greeting(said)
    except NoAnswerError:
        return
    assert understood.version.isprintable()
    assert understood.method
