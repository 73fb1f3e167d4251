"""Accepting on POSIX: wait until somebody is there, and only then accept, in one step."""

import asyncio
import socket
from typing import Any


async def accept_once(listener: socket.socket) -> tuple[socket.socket, Any]:
    """Accept the next connection.

    Raises:
        OSError: out of descriptors, or the peer left before it was accepted.
    """
    while True:
        await _someone(listener)
        try:
            sock, peer = listener.accept()
        except BlockingIOError:  # who was there has gone again
            continue
        sock.settimeout(0)
        return sock, peer


async def _someone(listener: socket.socket) -> None:
    loop = asyncio.get_running_loop()
    arrived = asyncio.Event()
    number = listener.fileno()
    loop.add_reader(number, arrived.set)
    try:
        await arrived.wait()
    finally:
        loop.remove_reader(number)
