"""The signals that stop and reload the program.

- `listen(stop, reload)`: act on them, on the running loop.
- `hold()`: have them wait for the next `listen`, also that of the program which takes this process
  over; no child may be started until then.
"""

import sys

if sys.platform == "win32":
    from ground2cloud.roles.signals._win32 import hold, listen
else:
    from ground2cloud.roles.signals._posix import hold, listen

__all__ = ["hold", "listen"]
