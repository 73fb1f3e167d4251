"""Threads to which no signal is delivered: the main thread alone hears who stops the program.

The system gives a signal to any thread that does not block it. So where the main thread holds
signals back, all others have to do so already.
"""

import signal
import sys


def leave_signals() -> None:
    """Have no signal delivered to the thread that calls this, nor to a child that it starts."""
    if sys.platform != "win32":
        signal.pthread_sigmask(signal.SIG_BLOCK, (signal.SIGINT, signal.SIGTERM, signal.SIGHUP))
