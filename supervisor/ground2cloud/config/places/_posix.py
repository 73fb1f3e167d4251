"""A service's files on Linux, macOS and the BSDs: the Filesystem Hierarchy Standard's places."""

import os
import sys
from pathlib import Path

from ground2cloud.config.directories import APPLICATION, Directories

assert sys.platform != "win32"


def service() -> Directories:
    """Answer with the directories of the service, whether they exist or not."""
    run, state = Path("/run"), Path("/var/lib", APPLICATION)
    return Directories(
        configuration=Path("/etc", APPLICATION),
        state=state,
        # macOS has no /run, and empties /var/run at each boot, where the account may not write.
        run=run / APPLICATION if run.is_dir() else state / "run",
        logs=Path("/var/log", APPLICATION),
    )


def is_administrator() -> bool:
    """Whether this process is root's."""
    return os.geteuid() == 0
