"""Ending where there is no pidfd: psutil compares the creation time before each signal."""

import contextlib
import sys
from collections.abc import Iterable

import psutil

from ground2cloud.openssh.sshd.process import Process, is_same

assert sys.platform != "linux"


def end_processes(processes: Iterable[Process], *, grace: float, limit: float) -> list[Process]:
    """Ask each to end, kill those left after a while; answer those left at the end.

    Blocks. A process that is gone, or whose number is another's by now, counts as ended.

    Args:
        processes: which; they need not be children.
        grace: seconds for the polite end.
        limit: seconds for all of it.
    """
    held: dict[psutil.Process, Process] = {}
    for process in processes:
        with contextlib.suppress(psutil.Error):
            if is_same(process):
                held[psutil.Process(process.pid)] = process
    for found in held:
        with contextlib.suppress(psutil.Error):
            found.terminate()
    _, left = psutil.wait_procs(list(held), timeout=grace)
    for found in left:
        with contextlib.suppress(psutil.Error):
            found.kill()
    _, left = psutil.wait_procs(left, timeout=max(0.0, limit - grace))
    return [held[found] for found in left]
