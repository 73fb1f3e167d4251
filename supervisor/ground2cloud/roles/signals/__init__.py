"""The signals that stop and reload the program."""

import sys

if sys.platform == "win32":
    from ground2cloud.roles.signals._win32 import listen
else:
    from ground2cloud.roles.signals._posix import listen

__all__ = ["listen"]
