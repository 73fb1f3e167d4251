"""Whether a time server keeps this machine's clock right.

One documented function, `is_synchronised`; what differs between the platforms is in `_linux` and
`_other`.
"""

import sys

if sys.platform == "linux":
    from ground2cloud.roles.doctor.timekeeping._linux import is_synchronised
else:
    from ground2cloud.roles.doctor.timekeeping._other import is_synchronised

__all__ = ["is_synchronised"]
