"""Spawning on Linux, macOS and the BSDs.

The child gets a session of its own, so that Ctrl-C at a terminal reaches the supervisor alone. On
Linux the kernel also kills it when the supervisor dies (PR_SET_PDEATHSIG); elsewhere a held ssh
session ends with its stdin, and the next start ends what is left (see `core.records`).
"""

import asyncio
import contextlib
import ctypes
import os
import signal
import sys
from collections.abc import Mapping, Sequence

from ground2cloud.core.spawn.child import Child

assert sys.platform != "win32"

_PR_SET_PDEATHSIG = 1  # <linux/prctl.h>
# Bound at import: between fork and exec only async-signal-safe work is allowed.
_prctl = ctypes.CDLL(None).prctl if sys.platform == "linux" else None


def _die_with(parent: int) -> None:
    """In the forked child: ask the kernel for SIGKILL at the parent's death, unless it is over."""
    if _prctl is not None:
        _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:
            os._exit(1)


async def spawn(argv: Sequence[str], *, env: Mapping[str, str]) -> Child:
    """Start `argv` with pipes for stdin, stdout and stderr.

    Must be called from the main thread: the kernel watches the thread that forked.

    Raises:
        OSError: the program is missing or may not be executed.
    """
    parent = os.getpid()
    return await Child.start(
        *argv,
        env=dict(env),
        start_new_session=True,
        preexec_fn=lambda: _die_with(parent),
    )


def end_process(process: asyncio.subprocess.Process, *, hard: bool) -> None:
    """Ask the process to end (SIGTERM), or end it and its session's group (SIGKILL)."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        if hard:
            os.killpg(process.pid, signal.SIGKILL)
        else:
            process.terminate()


def tell_process(process: asyncio.subprocess.Process, number: int) -> None:
    """Send the process a signal that it acts on, such as SIGHUP."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        process.send_signal(number)
