"""A service's files on Linux, macOS and the BSDs: the Filesystem Hierarchy Standard's places."""

import os
import sys
from pathlib import Path

from ground2cloud.config.directories import APPLICATION, Directories

assert sys.platform != "win32"


def service() -> Directories:
    """Answer with the directories of the service, whether they exist or not."""
    run = Path("/run")
    return Directories(
        configuration=Path("/etc", APPLICATION),
        state=Path("/var/lib", APPLICATION),
        run=(run if run.is_dir() else Path("/var/run")) / APPLICATION,  # macOS has no /run
        logs=Path("/var/log", APPLICATION),
    )


def is_administrator() -> bool:
    """Whether this process is root's."""
    return os.geteuid() == 0
