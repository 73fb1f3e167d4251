"""What the supervisor needs to run the router: HAProxy's master with its worker, in the foreground.

SIGUSR2 to the master loads the files anew without a refused connection; connections that last stay
with the old worker (`Timeouts.old_worker`). SIGTERM ends all at once, and a master that is killed
takes its workers along.
"""

import signal
from pathlib import Path

from ground2cloud.haproxy.observer import refused
from ground2cloud.haproxy.program import HaproxyProgram
from ground2cloud.haproxy.render import CONFIG
from ground2cloud.haproxy.routes import RouterSettings, master_socket

__all__ = ["RELOAD_SIGNAL", "argv", "check_argv", "refused"]

RELOAD_SIGNAL: int | None = getattr(signal, "SIGUSR2", None)
"""To the master, after the files were replaced and `check_argv` was content; None on Windows."""


def argv(program: HaproxyProgram, settings: RouterSettings, directory: Path) -> tuple[str, ...]:
    """The command that runs the files of `render` in `directory` (absolute).

    It works in that directory: each thread loads the Lua by its relative name once more.
    """
    master = f"{master_socket(settings)},mode,600"
    return (program.path, "-C", str(directory), "-W", "-db", "-S", master, "-f", CONFIG)


def check_argv(program: HaproxyProgram, directory: Path) -> tuple[str, ...]:
    """The command that ends with 0 when the files in `directory` are good; binds nothing."""
    return (program.path, "-C", str(directory), "-c", "-f", CONFIG)
