"""Orders to a running ssh through its control socket: add a forward, take one away.

The caller must know two things that were measured (OpenSSH 9.2 and 10.0):

- After a `forward` that failed, a later forward of that port leads to the old target. So after any
  failure the connection has to be replaced, not tried again.
- A key's permitlisten is fixed at its authentication: a port allowed later needs a new connection.

Live connections survive both orders, even those of a cancelled forward. Not on Windows.
"""

import contextlib
import os
import stat
from dataclasses import dataclass
from pathlib import Path

from ground2cloud.core import oneshot
from ground2cloud.openssh import quoting, system
from ground2cloud.openssh.forward import Forward
from ground2cloud.openssh.program import SshProgram
from ground2cloud.openssh.render import LANE

LONGEST_PATH = 90
"""Bytes of a control path: ssh adds 17 while it makes one, and the name of a socket has 108."""

_TIMEOUT = 10.0  # seconds; an order takes 6 to 15 ms
_NOT_THERE = "port not forwarded"


@dataclass(frozen=True, slots=True)
class Answer:
    """What became of an order; true if it was done. `words` is what ssh said, empty if nothing."""

    done: bool
    words: str

    def __bool__(self) -> bool:
        return self.done


def control_path(run_directory: Path, lane: str) -> Path | None:
    """Return where a lane's control socket is; None where there can't be one.

    None means Windows, or a directory whose name is too long.
    """
    path = run_directory / f"{lane}.sock"
    fits = len(os.fsencode(path)) <= LONGEST_PATH
    return path if fits and system.CONTROL_SOCKET else None


def remove_stale(path: Path) -> None:
    """Remove the socket that a killed ssh left: with it there, the next one takes no orders.

    Raises:
        OSError: it can't be removed, or is something else than a socket.
    """
    with contextlib.suppress(FileNotFoundError):
        if not stat.S_ISSOCK(path.lstat().st_mode):
            raise FileExistsError(f"{path} is not a socket")
        path.unlink()


async def forward(program: SshProgram, path: Path, wanted: Forward) -> Answer:
    """Ask the gateway for one more forward. If this fails, replace the connection."""
    return await _order(program, path, "forward", wanted)


async def cancel(program: SshProgram, path: Path, unwanted: Forward) -> Answer:
    """Give a forward back; not done when ssh has none of exactly this spelling.

    ssh ends with 0 either way, so its words decide.
    """
    answer = await _order(program, path, "cancel", unwanted)
    return Answer(answer.done and _NOT_THERE not in answer.words, answer.words)


async def _order(program: SshProgram, path: Path, order: str, what: Forward) -> Answer:
    # `-F none`: the lane's own file would add its forwards. `-S` expands tokens like ControlPath.
    words = ("-F", "none", "-S", quoting.path(path), "-O", order, "-R", what.spec, LANE)
    finished = await oneshot.run((program.path, *words), timeout=_TIMEOUT)
    return Answer(finished.ok, finished.err.strip())
