"""Accept connections so that none is lost when the waiting is given up.

asyncio's own `sock_accept` drops a connection that was accepted in the moment of the cancellation:
the caller is connected to nobody. To be awaited by who takes the socket over, not through a task.
"""

import sys

if sys.platform == "win32":
    from ground2cloud.core.accepting._win32 import accept
else:
    from ground2cloud.core.accepting._posix import accept

__all__ = ["accept"]
