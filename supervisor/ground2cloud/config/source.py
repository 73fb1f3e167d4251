"""Read a configuration file: from whatever lies at a path to a parsed TOML document.

Nothing that can lie there, and nothing that can stand in it, raises anything but `ConfigError`.
"""

import re
import stat
import tomllib
from pathlib import Path

from ground2cloud.config.words import escape
from ground2cloud.errors import ConfigError, Problem

SIZE_LIMIT = 1024 * 1024
"""Bytes; a thousand services take a tenth of it."""

DOT_LIMIT = 200
"""Dots in one line. Parsing a dotted key takes time with the square of its parts (16 kB: 1.6 s)."""

_NAME_LIMIT = 100
_MESSAGE_LIMIT = 160  # the parser quotes keys, however long
_PLACE = re.compile(r"(.*) \(at (line \d+, column \d+|end of document)\)", re.DOTALL)
_OTHER_ACCOUNT = "run this as the account whose file it is, or with sudo"


def read(path: Path, *, init: str = "ground2cloud init") -> str:
    """Read a file's text; a byte order mark is dropped.

    Args:
        path: the file.
        init: the command that writes one.

    Raises:
        ConfigError: it can't be read, is too large, or is not UTF-8.
    """
    name = display_name(path)
    content = _read_bytes(path, name, f"{init} writes a sample; --config names another file")
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise fault(name, "", "this is UTF-16; save it as UTF-8")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        byte = content[error.start]
        raise fault(name, f"line {line}", f"byte 0x{byte:02x} is not UTF-8") from None


def _read_bytes(path: Path, name: str, without_file: str) -> bytes:
    try:
        # Asked before it is opened: opening a FIFO would wait for its writer.
        mode = path.stat().st_mode
        if stat.S_ISDIR(mode):
            raise fault(name, "", "is a directory, not a file", without_file)
        if not stat.S_ISREG(mode):
            raise fault(name, "", "is not a regular file")
        with path.open("rb") as file:
            content = file.read(SIZE_LIMIT + 1)
    except FileNotFoundError:
        raise fault(name, "", f"there is no file {escape(str(path))}", without_file) from None
    except OSError as error:
        reason = error.strerror or type(error).__name__
        hint = _OTHER_ACCOUNT if isinstance(error, PermissionError) else ""
        raise fault(name, "", f"can't be read: {reason}", hint) from None
    except ValueError:  # a NUL in the path
        raise fault(name, "", "this is no path") from None
    if len(content) > SIZE_LIMIT:
        raise fault(name, "", f"is larger than {SIZE_LIMIT} bytes")
    return content


def parse(text: str, file: str) -> dict[str, object]:
    """Parse TOML; `file` is the name to use in problems.

    Raises:
        ConfigError: it is not TOML, or is built to exhaust the parser.
    """
    for number, line in enumerate(text.split("\n"), 1):
        if line.count(".") > DOT_LIMIT and not line.lstrip().startswith("#"):
            raise fault(file, f"line {number}", f"more than {DOT_LIMIT} dots in one line")
    try:
        return tomllib.loads(text.removeprefix("\N{BYTE ORDER MARK}"))
    except RecursionError:
        raise fault(file, "", "arrays or tables are nested too deeply") from None
    except tomllib.TOMLDecodeError as error:
        found = _PLACE.fullmatch(str(error))
        message, where = found.groups() if found else (str(error), "")
        raise fault(file, where, f"this is not TOML: {escape(message[:_MESSAGE_LIMIT])}") from None
    except ValueError:  # an integer of thousands of digits, which Python refuses to read
        raise fault(file, "", "an integer is too long to be read") from None


def display_name(path: Path) -> str:
    """Name a file in messages: its last part, nothing in it that a terminal could act on."""
    name = path.name or str(path)
    return escape(name if len(name) <= _NAME_LIMIT else f"{name[:_NAME_LIMIT]}…")


def fault(file: str, where: str, message: str, hint: str = "") -> ConfigError:
    """Make the error for a file with one problem."""
    return ConfigError((Problem(file, where, message),), hint)
