"""Where a service keeps its files, and who may run one.

Two documented functions, `service` and `is_administrator`; what differs between the platforms is
in `_posix` and `_win32`.
"""

import sys

if sys.platform == "win32":
    from ground2cloud.config.places._win32 import is_administrator, service
else:
    from ground2cloud.config.places._posix import is_administrator, service

__all__ = ["is_administrator", "service"]
