"""SQL Server: a small server that reads PRELOGIN as [MS-TDS] 2.2.6.5 writes it down."""

import asyncio
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ground2cloud.applications.sqlserver import prelogin, server_version
from ground2cloud.config.model import Kind
from tests.lab.tds import (
    ENCRYPTION,
    INSTANCE,
    MARS,
    SQL_SERVER_2022,
    THREAD,
    VERSION,
    read_options,
    write_reply,
)
from tests.unit.applications.fakes import answer_of


async def sql_server(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    kind, status, length, process, packet, window = struct.unpack(
        "!BBHHBB", await reader.readexactly(8)
    )
    assert (kind, status, process, packet, window) == (0x12, 1, 0, 0, 0)
    options = read_options(await reader.readexactly(length - 8))
    assert next(iter(options)) == VERSION  # the only order that is prescribed
    assert {option: len(value) for option, value in options.items()} == {
        VERSION: 6,
        ENCRYPTION: 1,
        INSTANCE: 1,
        THREAD: 4,
        MARS: 1,
    }
    assert options[INSTANCE] == b"\0"  # an empty name, with its end
    writer.write(write_reply(SQL_SERVER_2022))
    await writer.drain()
    await reader.read()


async def test_a_server_says_its_version() -> None:
    answer = await answer_of(Kind.SQLSERVER, sql_server)
    assert (answer.ok, answer.detail) == (True, "SQL Server 16.0.1000")


@pytest.mark.parametrize("reply", [b"\x04\x01\x00\x08" + bytes(4), b"\x04\x01\xff\xff" + bytes(4)])
async def test_an_impossible_length_is_no_answer(reply: bytes) -> None:
    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(reply)
        await reader.read()

    answer = await answer_of(Kind.SQLSERVER, script)
    assert not answer.ok
    assert answer.detail.startswith("does not speak TDS")


def test_the_request_is_as_long_as_it_says() -> None:
    request = prelogin()
    assert int.from_bytes(request[2:4]) == len(request)


@given(st.binary(max_size=60))
def test_no_reply_breaks_the_reading_of_the_version(reply: bytes) -> None:
    version = server_version(reply)
    assert not version or version.count(".") == 2
