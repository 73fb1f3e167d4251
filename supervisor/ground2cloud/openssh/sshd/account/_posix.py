"""The account, by the system's list of users."""

import pwd
import sys
from pathlib import Path

assert sys.platform != "win32"

_NO_SHELL = ("nologin", "false", "sync")


def shell_problem(user: str) -> str:
    """Say why an account can't hold a session; empty if it can.

    The held session's command is run by the account's shell. Without one lanes still work, but with
    `ssh -N`: a request then takes up to 40 ms longer, and there is no heartbeat.
    """
    try:
        shell = pwd.getpwnam(user).pw_shell or "/bin/sh"
    except KeyError:
        return f"there is no account {user}"
    if Path(shell).name in _NO_SHELL or not Path(shell).is_file():
        return f"the account {user} has no shell ({shell}): usermod --shell /bin/sh {user}"
    return ""
