"""What differs between the platforms when a service is installed.

- `create_account(name, home)`: the command that makes a system account and its group; None when
  it is there already.
- `remove_account(name)`: the commands that remove both; none when they are not there.
- `give(path, mode, owner, group)`: set who owns a file or directory, and its mode; answers whether
  that changed anything. Empty names stay as they are.
- `closed_to_others(path)`: the part of `path` that other accounts can't pass; None if they can.
- `quote(argv)`, `quote_word(text)`: a command, or one word of it, as a person types it.
- `as_administrator(command)`: the same with the rights it needs.
"""

import sys

if sys.platform == "win32":
    from ground2cloud.service.system._win32 import (
        as_administrator,
        closed_to_others,
        create_account,
        give,
        quote,
        quote_word,
        remove_account,
    )
else:
    from ground2cloud.service.system._posix import (
        as_administrator,
        closed_to_others,
        create_account,
        give,
        quote,
        quote_word,
        remove_account,
    )

__all__ = [
    "as_administrator",
    "closed_to_others",
    "create_account",
    "give",
    "quote",
    "quote_word",
    "remove_account",
]
