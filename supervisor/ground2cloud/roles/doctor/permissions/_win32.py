"""Windows: access lists, not modes. ssh itself looks at the key's, and the step `key` tells."""

import sys
from pathlib import Path

assert sys.platform == "win32"


def changeable_by_others(path: Path) -> str:
    """Answer that nothing is known against it, if it is there.

    Raises:
        OSError: it can't be looked at.
    """
    path.stat()
    return ""
