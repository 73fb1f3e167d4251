"""What differs between the platforms when a file takes another one's place.

- `set_mode(path, mode)`: POSIX permissions; nothing on Windows, where the directory's ACL counts.
- `replace(source, target)`: in one step, no reader sees a half.
- `give_to_owner(path)`: what root wrote, for the account whose directory it is in.
- `settle(directory)`: wait until the directory's entries survive a power cut.
"""

import sys

if sys.platform == "win32":
    from ground2cloud.rendering.replacing._win32 import give_to_owner, replace, set_mode, settle
else:
    from ground2cloud.rendering.replacing._posix import give_to_owner, replace, set_mode, settle

__all__ = ["give_to_owner", "replace", "set_mode", "settle"]
