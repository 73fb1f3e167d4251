"""Which process a number stands for: a number alone may be somebody else's by now.

- `birth(pid)`: what tells this process from all that have its number before or after it.
- `lives(pid, born)`: whether that very process is there and has not ended.

`_linux` goes by the kernel's own count since the machine started, which no step of the clock
changes; `_other` by the time of creation.
"""

import sys

if sys.platform == "linux":
    from ground2cloud.core.births._linux import birth, lives
else:
    from ground2cloud.core.births._other import birth, lives

__all__ = ["birth", "lives"]
