"""A service's files on Windows: below %ProgramData%."""

import ctypes
import os
import sys
from pathlib import Path

from ground2cloud.config.directories import Directories

assert sys.platform == "win32"


def service() -> Directories:
    """Answer with the directories of the service, whether they exist or not."""
    home = Path(os.environ.get("PROGRAMDATA", r"C:\ProgramData"), "Ground2Cloud")
    return Directories(home, home / "state", home / "run", home / "logs")


def is_administrator() -> bool:
    """Whether this process has an administrator's rights."""
    return bool(ctypes.windll.shell32.IsUserAnAdmin())
