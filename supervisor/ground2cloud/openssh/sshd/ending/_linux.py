"""Ending by pidfd: once it is open, it stands for this very process and no later one."""

import contextlib
import errno
import os
import select
import signal
import sys
from collections.abc import Iterable

from ground2cloud.core.clock import monotonic
from ground2cloud.openssh.sshd.process import Process, is_same

assert sys.platform == "linux"

AT_ONCE = 100
"""Processes held at one time: each takes a descriptor, of which a program often has 1,024."""

_GONE = {errno.ESRCH, errno.EINVAL}  # EINVAL: the number is that of a thread by now


def end_processes(processes: Iterable[Process], *, grace: float, limit: float) -> list[Process]:
    """Send SIGTERM to each, SIGKILL to those left after a while; answer those left at the end.

    Blocks. A process that is gone, or whose number is another's by now, counts as ended; one that
    can't be looked at (no descriptor is free, a kernel without pidfds) counts as left.

    Args:
        processes: which; they need not be children.
        grace: seconds for the polite end.
        limit: seconds for all of it; of more than `AT_ONCE`, for each so many of them.
    """
    doomed, left = list(processes), list[Process]()
    for first in range(0, len(doomed), AT_ONCE):
        left += _end(doomed[first : first + AT_ONCE], grace, limit)
    return left


def _end(processes: Iterable[Process], grace: float, limit: float) -> list[Process]:
    start = monotonic()
    with contextlib.ExitStack() as stack:
        held: dict[int, Process] = {}
        unseen = []
        for process in processes:
            try:
                descriptor = os.pidfd_open(process.pid)
                stack.callback(os.close, descriptor)
                if is_same(process):  # after the opening: now it can't change any more
                    held[descriptor] = process
            except OSError as error:
                if error.errno not in _GONE:
                    unseen.append(process)
        _send(held, signal.SIGTERM)
        held = _wait(held, start + grace)
        _send(held, signal.SIGKILL)
        return [*unseen, *_wait(held, start + limit).values()]


def _send(held: Iterable[int], what: signal.Signals) -> None:
    for descriptor in held:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            signal.pidfd_send_signal(descriptor, what)


def _wait(held: dict[int, Process], until: float) -> dict[int, Process]:
    """Wait for the ends, answer what is left at the time."""
    left = dict(held)
    poll = select.poll()
    for descriptor in left:
        poll.register(descriptor, select.POLLIN)
    while left:
        rest = until - monotonic()
        if rest <= 0:
            break
        for descriptor, _ in poll.poll(rest * 1000):
            poll.unregister(descriptor)
            del left[descriptor]
    return left
