"""Runs on Windows: send an event of its console to a process.

    python -m tests.services.lab.event PROCESS NUMBER

GenerateConsoleCtrlEvent knows Ctrl-C and Ctrl-Break only; of all others a process hears on a thread
that Windows starts in it, at kernelbase's CtrlRoutine. So does this.
"""

import ctypes
import sys
from ctypes import wintypes

assert sys.platform == "win32"

_ALL_ACCESS = 0x1FFFFF


def send(pid: int, event: int) -> None:
    """Start the thread, and wait until the handlers were called."""
    kernel32 = ctypes.WinDLL("kernel32", use_last_error=True)
    kernel32.GetModuleHandleW.restype = kernel32.GetProcAddress.restype = ctypes.c_void_p
    kernel32.GetModuleHandleW.argtypes = (wintypes.LPCWSTR,)
    kernel32.GetProcAddress.argtypes = (ctypes.c_void_p, ctypes.c_char_p)
    kernel32.OpenProcess.restype = kernel32.CreateRemoteThread.restype = wintypes.HANDLE
    kernel32.CreateRemoteThread.argtypes = (
        *(wintypes.HANDLE, ctypes.c_void_p, ctypes.c_size_t, ctypes.c_void_p),
        *(ctypes.c_void_p, wintypes.DWORD, ctypes.c_void_p),
    )
    kernel32.WaitForSingleObject.argtypes = (wintypes.HANDLE, wintypes.DWORD)
    # Its address is the same in every process.
    routine = kernel32.GetProcAddress(kernel32.GetModuleHandleW("kernelbase"), b"CtrlRoutine")
    process = kernel32.OpenProcess(_ALL_ACCESS, 0, pid)
    thread = (
        routine
        and process
        and kernel32.CreateRemoteThread(process, None, 0, routine, event, 0, None)
    )
    if not thread:
        raise ctypes.WinError(ctypes.get_last_error())
    kernel32.WaitForSingleObject(thread, 10_000)


if __name__ == "__main__":
    send(int(sys.argv[1]), int(sys.argv[2]))
