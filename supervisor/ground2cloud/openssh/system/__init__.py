"""What differs between the platforms in using OpenSSH: where it is, what it can, who reads keys.

Each name means the same on every platform; `_posix` and `_win32` say how it is done there.
"""

import sys

if sys.platform == "win32":
    from ground2cloud.openssh.system._win32 import (
        BARE_SOURCES,
        CHILD_ENVIRONMENT,
        CONTROL_SOCKET,
        INSTALL_HINT,
        hand_over_key,
        has_aes,
        locate,
        open_socket,
        permission_hint,
        restrict_key,
        shell_word,
    )
else:
    from ground2cloud.openssh.system._posix import (
        BARE_SOURCES,
        CHILD_ENVIRONMENT,
        CONTROL_SOCKET,
        INSTALL_HINT,
        hand_over_key,
        has_aes,
        locate,
        open_socket,
        permission_hint,
        restrict_key,
        shell_word,
    )

__all__ = [
    "BARE_SOURCES",
    "CHILD_ENVIRONMENT",
    "CONTROL_SOCKET",
    "INSTALL_HINT",
    "hand_over_key",
    "has_aes",
    "locate",
    "open_socket",
    "permission_hint",
    "restrict_key",
    "shell_word",
]
