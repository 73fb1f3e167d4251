"""Accepting on Windows: its loop can't wait for a listener, but takes back what it began.

One gap stays there: a caller that was accepted in the very turn in which the waiting is cancelled
is dropped by asyncio, and so its connection is closed.
"""

import asyncio
import socket
from typing import Any


async def accept_once(listener: socket.socket) -> tuple[socket.socket, Any]:
    """Accept the next connection.

    Raises:
        OSError: out of descriptors, or the peer left before it was accepted.
    """
    return await asyncio.get_running_loop().sock_accept(listener)
