"""One supervisor for one state directory: a lock that the system releases however it ends."""

import sys
from pathlib import Path
from typing import IO

from ground2cloud.errors import Ground2CloudError

if sys.platform == "win32":
    from ground2cloud.core.lock._win32 import try_lock
else:
    from ground2cloud.core.lock._posix import try_lock


class AlreadyRunningError(Ground2CloudError):
    """Another supervisor holds the state directory."""


class StateLock:
    """Held from `acquire` to `release`; the file holds the pid of the holder.

    The file is never removed: a second one under the same name would be a second lock.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: IO[bytes] | None = None

    def acquire(self, pid: int) -> None:
        """Take the lock.

        Raises:
            AlreadyRunningError: it is taken; the message names the holder's pid.
            OSError: the directory can't be written.
        """
        self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        file = self._path.open("a+b")
        if not try_lock(file.fileno()):
            file.seek(0)
            holder = file.read(20).decode("ascii", "replace").strip()
            file.close()
            raise AlreadyRunningError(
                f"another ground2cloud (pid {holder or 'unknown'}) runs with {self._path.parent}",
                "stop it first, or give this one its own [paths] state and run",
            )
        file.truncate(0)
        file.write(f"{pid}\n".encode())
        file.flush()
        self._file = file

    def release(self) -> None:
        """Give the lock back."""
        if self._file is not None:
            self._file.close()
            self._file = None
