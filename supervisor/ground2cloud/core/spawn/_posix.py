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
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any

assert sys.platform != "win32"

_PR_SET_PDEATHSIG = 1  # <linux/prctl.h>
_LOOK = 1.0  # seconds between two looks whether a process has ended, where nothing tells
# Bound at import: between fork and exec only async-signal-safe work is allowed.
_prctl = ctypes.CDLL(None).prctl if sys.platform == "linux" else None


def _die_with(parent: int) -> None:
    """In the forked child: ask the kernel for SIGKILL at the parent's death, unless it is over."""
    if _prctl is not None:
        _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:
            os._exit(1)


async def spawn(argv: Sequence[str], *, env: Mapping[str, str]) -> asyncio.subprocess.Process:
    """Start `argv` with pipes for stdin, stdout and stderr.

    Must be called from the main thread: the kernel watches the thread that forked.

    Raises:
        OSError: the program is missing or may not be executed.
    """
    parent = os.getpid()
    return await asyncio.create_subprocess_exec(
        *argv,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
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


async def wait_exit(process: asyncio.subprocess.Process) -> int:
    """Wait for the end of the process itself; answer its exit code.

    `process.wait()` of Python 3.11 and 3.12 also waits until nobody holds its pipes any more, and
    an sshd's sessions hold its stderr for as long as they live.
    """
    closed = asyncio.create_task(process.wait())
    try:
        async with _notice(process.pid) as gone:
            while process.returncode is None:
                # The watcher takes a moment to fetch the code of a process that is gone.
                patience = 0.02 if gone.done() else _LOOK
                waited: list[asyncio.Future[Any]] = [closed] if gone.done() else [closed, gone]
                await asyncio.wait(waited, timeout=patience, return_when=asyncio.FIRST_COMPLETED)
    finally:
        closed.cancel()
    return process.returncode


@contextlib.asynccontextmanager
async def _notice(pid: int) -> AsyncIterator[asyncio.Future[None]]:
    """Lend a future that is done when the process has ended; never, where the kernel can't tell."""
    loop = asyncio.get_running_loop()
    gone: asyncio.Future[None] = loop.create_future()
    if sys.platform != "linux":
        yield gone
        return
    try:
        descriptor = os.pidfd_open(pid)
    except OSError:
        yield gone
        return
    loop.add_reader(descriptor, _finish, gone)
    try:
        yield gone
    finally:
        loop.remove_reader(descriptor)
        os.close(descriptor)


def _finish(gone: asyncio.Future[None]) -> None:
    if not gone.done():
        gone.set_result(None)
