"""Who else may change a file.

One documented function, `changeable_by_others`; what differs between the platforms is in `_posix`
and `_win32`.
"""

import sys

if sys.platform == "win32":
    from ground2cloud.roles.doctor.permissions._win32 import changeable_by_others
else:
    from ground2cloud.roles.doctor.permissions._posix import changeable_by_others

__all__ = ["changeable_by_others"]
