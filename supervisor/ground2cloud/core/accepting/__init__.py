"""Accept connections so that none is lost when the waiting is given up.

asyncio's own `sock_accept` drops a connection that was accepted in the moment of the cancellation:
the caller is connected to nobody. To be awaited by who takes the socket over, not through a task.
"""

import asyncio
import socket
import sys
from typing import Any

if sys.platform == "win32":
    from ground2cloud.core.accepting._win32 import accept_once
else:
    from ground2cloud.core.accepting._posix import accept_once

_PAUSE = 0.2  # seconds


async def accept(listener: socket.socket) -> tuple[socket.socket, Any]:
    """Wait for the next connection; answer its socket, which does not block, and who it is.

    A peer that leaves before it was accepted is no caller, and while this process has no file
    descriptor left it is tried again.

    Args:
        listener: must not block, and stay open until this returns or its cancellation is over.
    """
    while True:
        try:
            return await accept_once(listener)
        except OSError:
            await asyncio.sleep(_PAUSE)
