"""Which process a number stands for: a number alone may be somebody else's by now.

- `birth(pid)`: what tells this process from all that have its number before or after it.
- `lives(pid, born)`: whether that very process is there and has not ended.
- `boot()`: the name of the machine's present start; numbers of the kernel's mean nothing beyond it.

`_linux` goes by the kernel's own count since the machine started, which no step of the clock
changes; `_other` by the time of creation.
"""

import sys

if sys.platform == "linux":
    from ground2cloud.core.births._linux import birth, boot, lives
else:
    from ground2cloud.core.births._other import birth, boot, lives

__all__ = ["birth", "boot", "lives"]
