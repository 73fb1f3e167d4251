"""What the supervisor needs to run the router: HAProxy's master with its worker, in the foreground.

SIGUSR2 to the master loads the files anew without a refused connection; connections that last stay
with the old worker (`Timeouts.old_worker`). SIGTERM ends all at once, and a master that is killed
takes its workers along.
"""

import signal
import sys
from pathlib import Path

from ground2cloud.haproxy.program import HaproxyProgram
from ground2cloud.haproxy.render import CONFIG
from ground2cloud.haproxy.routes import RouterSettings
from ground2cloud.haproxy.runtime import master_socket

assert sys.platform != "win32"

RELOAD_SIGNAL = signal.SIGUSR2
"""To the master, after the files were replaced and `check_argv` was content."""


def argv(program: HaproxyProgram, settings: RouterSettings, directory: Path) -> tuple[str, ...]:
    """The command that runs the files of `render` in `directory` (absolute)."""
    master = f"{master_socket(settings)},mode,600"
    return (program.path, "-W", "-db", "-S", master, "-f", str(directory / CONFIG))


def check_argv(program: HaproxyProgram, directory: Path) -> tuple[str, ...]:
    """The command that ends with 0 when the files in `directory` are good; binds nothing."""
    return (program.path, "-c", "-q", "-f", str(directory / CONFIG))
