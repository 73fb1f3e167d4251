r"""The one place that turns a value into text of ssh_config.

The rules of OpenSSH (readconf.c and misc.c; proven by tests against the real `ssh -G`):

- Only a newline starts a new directive. Control characters are refused, all of them.
- A value in double quotes is one argument, whatever spaces and `#` it holds. Inside, `\"` and
  `\\` are escapes since 8.7; before, a quotation mark can't be written and a backslash is one.
- File names are expanded once more: a leading `~`, `%` tokens (`%%` is a `%`) and `${NAME}`, for
  which there is no escape. So a `${` in a path is refused.
"""

import ipaddress
import re
import unicodedata
from pathlib import PurePath

_HOST_NAME = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9._-]{0,253}[A-Za-z0-9_.])?")


def plain(value: str) -> str:
    """Return the value, which has no control characters and can be written as UTF-8.

    Raises:
        ValueError: it has some, or it is no valid text (half a surrogate pair).
    """
    for character in value:
        if unicodedata.category(character) in {"Cc", "Cs"}:
            raise ValueError(f"{value!r} has a control character")
    return value


def quote(value: str, *, escapes: bool = True) -> str:
    """Return the value as one argument of ssh_config.

    Args:
        value: any text that is not empty.
        escapes: whether this ssh knows escapes inside quotes (`SshProgram.escapes`).

    Raises:
        ValueError: the value can't be written so that ssh reads it back.
    """
    if not plain(value):
        raise ValueError("an empty value can't be written in ssh_config")
    if escapes:
        return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
    if '"' in value:
        raise ValueError(f"{value!r} has a quotation mark: this needs OpenSSH 8.7 or newer")
    return f'"{value}"'


def tokens(value: str) -> str:
    """Return the value for a place where ssh expands `%` tokens."""
    return value.replace("%", "%%")


def path(value: PurePath, *, expands: bool = True) -> str:
    """Return an absolute path for a place where ssh expands it: `%` doubled, not yet quoted.

    On Windows with forward slashes, which every ssh reads alike.

    Args:
        value: the path.
        expands: whether this ssh expands tokens at this place.

    Raises:
        ValueError: it is relative, or ssh would read another path.
    """
    if not value.is_absolute():
        raise ValueError(f"{value} is not an absolute path")
    if "${" in str(value):
        raise ValueError(f"{value} has a '${{', which ssh takes for an environment variable")
    text = plain(value.as_posix())
    return tokens(text) if expands else text


def host(value: str) -> str:
    """Return a host name or an IP address, unchanged and without brackets.

    Raises:
        ValueError: it is neither. Names with other letters need their `xn--` form.
    """
    if not is_address(value) and not _HOST_NAME.fullmatch(value):
        raise ValueError(f"{value!r} is neither a host name nor an address")
    return value


def is_address(value: str) -> bool:
    """Tell whether the value is an IP address; IPv6 may name its interface (fe80::1%eth0)."""
    try:
        address = ipaddress.ip_address(value)
    except ValueError:
        return False
    scope = getattr(address, "scope_id", None)
    return scope is None or _HOST_NAME.fullmatch(scope) is not None


def user(value: str) -> str:
    """Return an account name, unchanged.

    Raises:
        ValueError: ssh would read an option or something else in it (10.0 and later expand it).
    """
    if not value or value.startswith("-") or "%" in value or "${" in value:
        raise ValueError(f"{value!r} is not an account name that ssh takes as it is")
    return plain(value)
