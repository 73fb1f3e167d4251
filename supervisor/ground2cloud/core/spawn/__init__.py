"""Start a process that can't outlive the supervisor, with three pipes of its own.

One documented function, `spawn`; what differs between the platforms is in `_posix` and `_win32`.
"""

import sys

if sys.platform == "win32":
    from ground2cloud.core.spawn._win32 import spawn
else:
    from ground2cloud.core.spawn._posix import spawn

__all__ = ["spawn"]
