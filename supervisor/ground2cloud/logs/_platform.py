"""What differs between the platforms, behind one set of names.

- `OPEN_FLAGS`: further flags for `os.open` of a log file
- `replaced(descriptor, path)`: whether `path` is another file than the open one by now, or none
- `JournalSocket(path)`: the journal's datagram socket
"""

import sys

if sys.platform == "win32":
    from ground2cloud.logs._win32 import OPEN_FLAGS, JournalSocket, replaced
else:
    from ground2cloud.logs._posix import OPEN_FLAGS, JournalSocket, replaced

__all__ = ["OPEN_FLAGS", "JournalSocket", "replaced"]
