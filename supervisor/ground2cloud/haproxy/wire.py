"""One command to one HAProxy over a Unix socket, one answer: bounded in size and in time.

Every command is a connection of its own that is closed for writing behind it; that ends the answer.
"""

import asyncio
import contextlib
import re
from pathlib import Path

from ground2cloud.errors import Ground2CloudError

ANSWER_LIMIT = 64 * 1024 * 1024
"""Bytes of an answer: statistics of 100,000 routes are 12 MB."""

_PATIENCE = 160
_PAUSE = 0.025  # seconds
_AWAY = (ConnectionRefusedError, ConnectionResetError, BrokenPipeError, FileNotFoundError)

_WORD = re.compile(r"[A-Za-z0-9_.:/|,@#-]{1,2000}")


class RuntimeSocketError(Ground2CloudError):
    """The router did not do what it was told, or did not answer."""


async def ask(path: Path, command: str, timeout: float) -> str:  # noqa: ASYNC109 - this function keeps the bound
    """Send one command and return the answer without the empty lines around it.

    A master that has just started or reloaded is without its socket for a moment, and one that runs
    itself anew leaves what it has taken: then the command is sent again, and may so be heard twice.

    Raises:
        RuntimeSocketError: no answer within `timeout` seconds, or too much of it.
    """
    try:
        async with asyncio.timeout(timeout):
            for _ in range(_PATIENCE):
                with contextlib.suppress(*_AWAY):
                    # One that was heard is answered by an empty line at least.
                    if answer := await _talk(path, command):
                        return answer.strip("\n")
                await asyncio.sleep(_PAUSE)
            answer = await _talk(path, command)
    except TimeoutError as error:
        raise RuntimeSocketError(f"the router did not answer within {timeout:g} s") from error
    except OSError as error:
        raise RuntimeSocketError(
            f"the router can't be reached: {error.strerror or error}"
        ) from error
    if not answer:
        raise RuntimeSocketError("the router leaves what it is told without an answer")
    return answer.strip("\n")


async def _talk(path: Path, command: str) -> str:
    reader, writer = await _connect(path)
    try:
        writer.write(command.encode() + b"\n")
        writer.write_eof()
        return await _read(reader)
    finally:
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()


async def _connect(path: Path) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    # asyncio.open_unix_connection in the words that type checkers know on every platform.
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader()
    protocol = asyncio.StreamReaderProtocol(reader)
    transport, _ = await loop.create_unix_connection(lambda: protocol, str(path))
    return reader, asyncio.StreamWriter(transport, protocol, reader, loop)


def word(text: str) -> str:
    """Return `text` if it is one word to HAProxy: nothing in it ends, splits or escapes anything.

    Raises:
        ValueError: it is not.
    """
    if not _WORD.fullmatch(text):
        raise ValueError(f"not a word for the router: {text[:80]!r}")
    return text


async def _read(reader: asyncio.StreamReader) -> str:
    answer = bytearray()
    while chunk := await reader.read(65536):
        answer += chunk
        if len(answer) > ANSWER_LIMIT:
            raise RuntimeSocketError("the router's answer is too long")
    return answer.decode("utf-8", "replace")
