"""By psutil, process by process."""

import sys
from collections.abc import Iterable

import psutil

from ground2cloud.openssh.sshd.process import Process, is_same

assert sys.platform != "linux"


def listening(processes: Iterable[Process]) -> dict[Process, frozenset[tuple[str, int]]]:
    """Return the places on which each of these processes itself listens."""
    return {process: _of(process) for process in processes}


def _of(process: Process) -> frozenset[tuple[str, int]]:
    try:
        sockets = psutil.Process(process.pid).net_connections(kind="tcp4")
    except psutil.Error:
        return frozenset()
    if not is_same(process):
        return frozenset()
    return frozenset(
        (at.laddr.ip, at.laddr.port) for at in sockets if at.status == psutil.CONN_LISTEN
    )
