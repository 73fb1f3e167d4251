"""The account that lanes log in to: can it hold a session?"""

import sys

if sys.platform == "win32":
    from ground2cloud.openssh.sshd.account._win32 import shell_problem
else:
    from ground2cloud.openssh.sshd.account._posix import shell_problem

__all__ = ["shell_problem"]
