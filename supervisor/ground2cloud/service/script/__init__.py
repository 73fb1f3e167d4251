"""Steps as lines of a script, for a person with the rights that the program doesn't have.

`script(step)` answers with the lines for `sh`, or on Windows for PowerShell; none where the step is
done already.
"""

import sys

if sys.platform == "win32":
    from ground2cloud.service.script._win32 import script
else:
    from ground2cloud.service.script._posix import script

__all__ = ["script"]
