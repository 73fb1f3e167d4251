"""Which service manager runs this machine.

What runs counts, not what is installed: a machine may have systemd's programs and boot with runit.
"""

import shutil
import sys
from collections.abc import Callable
from pathlib import Path

_Which = Callable[[str], str | None]


def detect(
    platform: str = sys.platform, root: Path = Path("/"), which: _Which = shutil.which
) -> str | None:
    """Answer with the manager's name as `managers` knows it; None if there is none to be seen.

    Args:
        platform: as `sys.platform`.
        root: where the file system begins.
        which: finds a program.
    """
    match platform:
        case "win32":
            return "nssm"
        case "darwin":
            return "launchd"
        case _:
            return _unix(root, which)


def _unix(root: Path, which: _Which) -> str | None:
    # s6 before runit: s6-overlay's images have an /etc/service too. OpenRC's program last: it may
    # be installed where something else runs.
    signs: dict[str, tuple[str, ...]] = {
        "systemd": ("run/systemd/system",),
        "openrc": ("run/openrc/softlevel",),
        "s6": ("run/service/.s6-svscan", "run/s6", "run/service"),
        "runit": ("run/runit", "run/runit.stopit", "etc/service"),
    }
    for name, places in signs.items():
        if any((root / place).exists() for place in places):
            return name
    programs = {"s6": "s6-svscan", "runit": "runsvdir", "openrc": "openrc"}
    return next((name for name, program in programs.items() if which(program)), None)
