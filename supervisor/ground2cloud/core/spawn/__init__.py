"""Start a process that can't outlive the supervisor, with three pipes of its own; tell and end it.

`spawn`, `end_process` and `tell_process` are documented functions that each platform has in a
module of its own.
"""

import sys

from ground2cloud.core.spawn.child import Child

if sys.platform == "win32":
    from ground2cloud.core.spawn._win32 import end_process, spawn, tell_process
else:
    from ground2cloud.core.spawn._posix import end_process, spawn, tell_process

__all__ = ["Child", "end_process", "spawn", "tell_process"]
