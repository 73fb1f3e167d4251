"""Start a process that can't outlive the supervisor, with three pipes of its own; tell and end it.

Four documented functions; what differs between the platforms is in `_posix` and `_win32`.
"""

import sys

if sys.platform == "win32":
    from ground2cloud.core.spawn._win32 import end_process, spawn, tell_process, wait_exit
else:
    from ground2cloud.core.spawn._posix import end_process, spawn, tell_process, wait_exit

__all__ = ["end_process", "spawn", "tell_process", "wait_exit"]
