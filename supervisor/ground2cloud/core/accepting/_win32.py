"""Accepting on Windows: its loop can't wait for a listener, but takes back what it began.

One gap stays there: a caller that was accepted in the very turn in which the waiting is cancelled
is dropped by asyncio, and so its connection is closed.
"""

import asyncio
import socket
from typing import Any


async def accept(listener: socket.socket) -> tuple[socket.socket, Any]:
    """Wait for the next connection; answer its socket, which does not block, and who it is.

    Args:
        listener: must not block, and stay open until this returns or its cancellation is over.

    Raises:
        OSError: out of descriptors, or the peer left before it was accepted.
    """
    return await asyncio.get_running_loop().sock_accept(listener)
