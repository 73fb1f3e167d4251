"""As whom the gateway runs, and how busy its machine is. A gateway runs on POSIX systems alone.

- `current()`, `number()`, `must_change(user)`: who this process is, and whether it must become
  another.
- `become(user)`, `exec_as(…)`: become it, for a command and for `gateway run`.
- `begin_anew(…)`: be the same process, with the program as it is installed now.
- `take_files()`: have as many open files as may be.
- `command_as(user)`: the beginning of a command line that runs as it.
- `share(path, user)`, `give(directory, user)`: let it read or have a thing.
- `reach(directory, user)`: check that it gets there.
- `require_own(directory, user)`, `require_reading(file, user)`: that it has or may read it.
- `load()`: 0 to 1.
- `open_files()`: how many files this process may have open.
"""

import sys

from ground2cloud.roles.gateway.system.error import AccountError

if sys.platform == "win32":
    from ground2cloud.roles.gateway.system._win32 import (
        become,
        begin_anew,
        command_as,
        current,
        exec_as,
        give,
        load,
        must_change,
        number,
        open_files,
        reach,
        require_own,
        require_reading,
        share,
        take_files,
    )
else:
    from ground2cloud.roles.gateway.system._posix import (
        become,
        begin_anew,
        command_as,
        current,
        exec_as,
        give,
        load,
        must_change,
        number,
        open_files,
        reach,
        require_own,
        require_reading,
        share,
        take_files,
    )

__all__ = [
    "AccountError",
    "become",
    "begin_anew",
    "command_as",
    "current",
    "exec_as",
    "give",
    "load",
    "must_change",
    "number",
    "open_files",
    "reach",
    "require_own",
    "require_reading",
    "share",
    "take_files",
]
