"""Orders to a running ssh through its control socket: add a forward, take one away, move one.

The socket is spoken to directly, by PROTOCOL.mux of OpenSSH's sources (version 4), and not through
`ssh -O`. A move is two orders, and the port leads nowhere between them. With two processes after
each other a client that tried again after 50 ms was refused twice on a busy machine; sent together,
a client that asks right after has never found the port closed (tests/e2e/test_control.py).

The caller must know what was measured (OpenSSH 9.2 and 10.0):

- After a `forward` that failed, a later forward of that port leads to the old target. So after any
  failure the connection has to be replaced, not tried again.
- A key's permitlisten is fixed at its authentication: a port allowed later needs a new connection.

Live connections survive the orders, even those of a cancelled forward. Not on Windows.
"""

import asyncio
import contextlib
import os
import stat
import struct
from dataclasses import dataclass
from pathlib import Path

from ground2cloud.openssh import system
from ground2cloud.openssh.forward import Forward

LONGEST_PATH = 90
"""Bytes of a control path: ssh adds 17 while it makes one, and the name of a socket has 108."""

_TIMEOUT = 10.0  # seconds; an order takes a round trip to the gateway
_LONGEST_ANSWER = 64 * 1024  # bytes; an answer is a number and a line

# PROTOCOL.mux, and mux.c for the number of a remote forward
_VERSION = 4
_HELLO = 0x00000001
_OPEN_FORWARD = 0x10000006
_CLOSE_FORWARD = 0x10000007
_REMOTE = 2
_OK = 0x80000001
_DENIED = 0x80000002
_FAILURE = 0x80000003


@dataclass(frozen=True, slots=True)
class Answer:
    """What became of an order; true if it was done. `words` is what ssh said, empty if nothing."""

    done: bool
    words: str

    def __bool__(self) -> bool:
        return self.done


def control_path(run_directory: Path, lane: str) -> Path | None:
    """Return where a lane's control socket is; None where there can't be one.

    None means Windows, or a directory whose name is too long.
    """
    path = run_directory / f"{lane}.sock"
    fits = len(os.fsencode(path)) <= LONGEST_PATH
    return path if fits and system.CONTROL_SOCKET else None


def remove_stale(path: Path) -> None:
    """Remove the socket that a killed ssh left: with it there, the next one takes no orders.

    Raises:
        OSError: it can't be removed, or is something else than a socket.
    """
    with contextlib.suppress(FileNotFoundError):
        if not stat.S_ISSOCK(path.lstat().st_mode):
            raise FileExistsError(f"{path} is not a socket")
        path.unlink()


async def forward(path: Path, wanted: Forward) -> Answer:
    """Ask the gateway for one more forward. If this fails, replace the connection."""
    return await _order(path, (_OPEN_FORWARD, wanted))


async def cancel(path: Path, unwanted: Forward) -> Answer:
    """Give a forward back; not done when ssh has none of exactly this spelling."""
    return await _order(path, (_CLOSE_FORWARD, unwanted))


async def move(path: Path, old: Forward, new: Forward) -> Answer:
    """Give one forward back and ask for another in the same breath.

    Both may be of one port. If this fails, replace the connection: the old one may be gone.
    """
    return await _order(path, (_CLOSE_FORWARD, old), (_OPEN_FORWARD, new))


async def _order(path: Path, *orders: tuple[int, Forward]) -> Answer:
    """Send all orders at once; done if every one of them is."""
    try:
        async with asyncio.timeout(_TIMEOUT):
            reader, writer = await system.open_socket(path)
            try:
                writer.write(_packet(struct.pack(">II", _HELLO, _VERSION)))
                for number, (order, what) in enumerate(orders):
                    writer.write(_packet(_request(order, number, what)))
                return await _answers(reader, len(orders))
            finally:
                writer.close()
    except TimeoutError:
        return Answer(done=False, words=f"ssh gave no answer within {_TIMEOUT:g} s")
    except (OSError, EOFError, ValueError, struct.error) as error:
        return Answer(done=False, words=f"{path.name}: {error}")


async def _answers(reader: asyncio.StreamReader, count: int) -> Answer:
    kind, version = struct.unpack_from(">II", await _receive(reader))
    if (kind, version) != (_HELLO, _VERSION):
        raise ValueError(f"ssh speaks another version ({version}) of the control protocol")
    refusals = []
    for _ in range(count):
        body = await _receive(reader)
        (kind,) = struct.unpack_from(">I", body)
        if kind in {_DENIED, _FAILURE}:
            (length,) = struct.unpack_from(">I", body, 8)
            refusals.append(body[12 : 12 + length].decode("utf-8", "replace"))
        elif kind != _OK:
            raise ValueError(f"ssh gave an answer of an unknown kind ({kind:#x})")
    return Answer(done=not refusals, words="; ".join(refusals))


def _request(order: int, number: int, what: Forward) -> bytes:
    return b"".join(
        (
            struct.pack(">III", order, number, _REMOTE),
            _string(what.bind),
            struct.pack(">I", what.port),
            _string(what.host),
            struct.pack(">I", what.target_port),
        )
    )


def _string(text: str) -> bytes:
    data = text.encode()
    return struct.pack(">I", len(data)) + data


def _packet(body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + body


async def _receive(reader: asyncio.StreamReader) -> bytes:
    (length,) = struct.unpack(">I", await reader.readexactly(4))
    if length > _LONGEST_ANSWER:
        raise ValueError(f"ssh gave an answer of {length} bytes")
    return await reader.readexactly(length)
