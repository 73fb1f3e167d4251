"""End processes that are not our children, and never another one that got their number.

One documented function; `_linux` holds a process by a pidfd, `_other` goes by its creation time.
"""

import sys

if sys.platform == "linux":
    from ground2cloud.openssh.sshd.ending._linux import end_processes
else:
    from ground2cloud.openssh.sshd.ending._other import end_processes

__all__ = ["end_processes"]
