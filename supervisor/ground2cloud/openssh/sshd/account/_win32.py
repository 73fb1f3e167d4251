"""No account of Windows can: the gateway does not run there."""

import sys

assert sys.platform == "win32"


def shell_problem(user: str) -> str:
    """Say why an account can't hold a session."""
    return f"the account {user} is one of Windows, where the gateway does not run"
