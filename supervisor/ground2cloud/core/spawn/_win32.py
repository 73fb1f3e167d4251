"""Spawning on Windows: a console of its own without a window, and a kill-on-close Job Object.

Ctrl-C goes to the processes of a console, so that of the supervisor doesn't reach its children. A
process group of their own (CREATE_NEW_PROCESS_GROUP) would add nothing to that: tried under Wine.

The Job Object is the supervisor's for life; its handle is closed by the system when the
supervisor ends in any way, and Windows then ends every process in it.
"""

import asyncio
import contextlib
import ctypes
import sys
from collections.abc import Mapping, Sequence
from ctypes import wintypes

from ground2cloud.core.spawn.child import Child

assert sys.platform == "win32"

_CREATE_NO_WINDOW = 0x08000000
_PROCESS_SET_QUOTA_AND_TERMINATE = 0x0101
_SYNCHRONIZE = 0x00100000
_JOB_EXTENDED_LIMIT_INFORMATION = 9
_JOB_KILL_ON_CLOSE = 0x2000


class _BasicLimits(ctypes.Structure):
    _fields_ = (
        ("PerProcessUserTimeLimit", ctypes.c_int64),
        ("PerJobUserTimeLimit", ctypes.c_int64),
        ("LimitFlags", wintypes.DWORD),
        ("MinimumWorkingSetSize", ctypes.c_size_t),
        ("MaximumWorkingSetSize", ctypes.c_size_t),
        ("ActiveProcessLimit", wintypes.DWORD),
        ("Affinity", ctypes.c_size_t),
        ("PriorityClass", wintypes.DWORD),
        ("SchedulingClass", wintypes.DWORD),
    )


class _ExtendedLimits(ctypes.Structure):
    _fields_ = (
        ("BasicLimitInformation", _BasicLimits),
        ("IoInfo", ctypes.c_uint64 * 6),
        ("ProcessMemoryLimit", ctypes.c_size_t),
        ("JobMemoryLimit", ctypes.c_size_t),
        ("PeakProcessMemoryUsed", ctypes.c_size_t),
        ("PeakJobMemoryUsed", ctypes.c_size_t),
    )


_kernel32 = ctypes.WinDLL("kernel32", use_last_error=True)
_kernel32.CreateJobObjectW.restype = wintypes.HANDLE
_kernel32.CreateJobObjectW.argtypes = (wintypes.LPVOID, wintypes.LPCWSTR)
_kernel32.SetInformationJobObject.argtypes = (
    wintypes.HANDLE,
    ctypes.c_int,
    wintypes.LPVOID,
    wintypes.DWORD,
)
_kernel32.OpenProcess.restype = wintypes.HANDLE
_kernel32.OpenProcess.argtypes = (wintypes.DWORD, wintypes.BOOL, wintypes.DWORD)
_kernel32.AssignProcessToJobObject.argtypes = (wintypes.HANDLE, wintypes.HANDLE)
_kernel32.WaitForSingleObject.argtypes = (wintypes.HANDLE, wintypes.DWORD)
_kernel32.CloseHandle.argtypes = (wintypes.HANDLE,)


def _make_job() -> int:
    job = _kernel32.CreateJobObjectW(None, None)
    limits = _ExtendedLimits()
    limits.BasicLimitInformation.LimitFlags = _JOB_KILL_ON_CLOSE
    done = job and _kernel32.SetInformationJobObject(
        job, _JOB_EXTENDED_LIMIT_INFORMATION, ctypes.byref(limits), ctypes.sizeof(limits)
    )
    if not done:
        raise ctypes.WinError(ctypes.get_last_error())
    return int(job)


_job = _make_job()


def _join_job(pid: int) -> None:
    """Put a process into the job; one that has ended needs none, and Windows refuses it."""
    access = _PROCESS_SET_QUOTA_AND_TERMINATE | _SYNCHRONIZE
    handle = _kernel32.OpenProcess(access, False, pid)  # noqa: FBT003 - no child inherits it
    if not handle:
        raise ctypes.WinError(ctypes.get_last_error())
    try:
        if not _kernel32.AssignProcessToJobObject(_job, handle):
            error = ctypes.get_last_error()
            # Asked of Windows: asyncio hears of the end only when the loop turns again.
            if _kernel32.WaitForSingleObject(handle, 0) != 0:
                raise ctypes.WinError(error)
    finally:
        _kernel32.CloseHandle(handle)


async def spawn(argv: Sequence[str], *, env: Mapping[str, str]) -> Child:
    """Start `argv` with pipes for stdin, stdout and stderr, inside the supervisor's job.

    Raises:
        OSError: the program is missing or may not be executed.
    """
    process = await Child.start(
        *argv,
        env=dict(env),
        creationflags=_CREATE_NO_WINDOW,
    )
    try:
        _join_job(process.pid)
    except OSError:
        # What lives outside the job must not live.
        end_process(process, hard=True)
        await process.wait()
        process.close()
        raise
    return process


def end_process(process: asyncio.subprocess.Process, *, hard: bool) -> None:
    """End the process: a service has no console, so TerminateProcess is the only way there is."""
    del hard
    with contextlib.suppress(ProcessLookupError, PermissionError):
        process.kill()


def tell_process(process: asyncio.subprocess.Process, number: int) -> None:
    """Do nothing: Windows has no signals; no child there has one to be reloaded by."""
    del process, number
