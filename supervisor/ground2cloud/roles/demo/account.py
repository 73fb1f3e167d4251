"""As whom the demo runs."""

import contextlib
import os
import sys
from pathlib import Path

import ground2cloud
from ground2cloud.errors import Ground2CloudError
from ground2cloud.roles.gateway import system
from ground2cloud.service.current import program
from ground2cloud.service.system import closed_to_others

ACCOUNT = "bin"
"""An account without privileges that is there everywhere, and that nothing belongs to.

Not `nobody`: systemd's name service says of it that it is locked, and sshd lets nobody in by a
locked account. It has no shell, so lanes hold no session here (`ssh -N`).
"""


def drop() -> str:
    """Stop being root where that can be; answer why it can't, empty if nothing runs as root.

    Nothing of the demo needs root. Root stays root where no other account may read this program (it
    is below /root, say) or where accounts can't be changed (some containers).
    """
    if system.number() != 0:
        return ""
    for path in _needed():
        closed = closed_to_others(path, homes=False)
        if closed is not None:
            return f"no other account may read the program ({closed} is closed)"
    with contextlib.suppress(Ground2CloudError, OSError):
        system.become(ACCOUNT)
    return f"it can't become {ACCOUNT} here" if system.number() == 0 else ""


def _needed() -> tuple[Path, ...]:
    """What an account has to read to run this program."""
    return (
        Path(sys.executable),
        Path(os.__file__),
        Path(ground2cloud.__file__),
        Path(program()[0]),
    )
