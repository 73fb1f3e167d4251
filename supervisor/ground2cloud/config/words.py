"""How a problem is worded: in the terms of TOML, short, and safe to print.

Whatever comes from the file is shown escaped and shortened, so that no value can draw on a
terminal, forge a line of a log or fill a screen.
"""

import datetime as dt
import difflib
import re
import unicodedata
from collections.abc import Collection

SHOWN = 40
"""Characters shown of a value; the length of what is longer is told instead."""

_DIGITS = 10**18
_BARE_KEY = re.compile(r"[A-Za-z0-9_-]{1,64}")
_FORBIDDEN = frozenset({"Cc", "Cs", "Zl", "Zp"})
_TYPES = {
    bool: "a boolean",
    int: "an integer",
    float: "a float",
    str: "a string",
    dt.datetime: "a date-time",
    dt.date: "a date",
    dt.time: "a time",
    list: "an array",
    dict: "a table",
}
_NAMES = {"\n": "a line break", "\r": "a carriage return", "\t": "a tab", "\0": "a NUL"}


def show(value: object) -> str:
    """Write a value as TOML would, escaped and shortened; tables and arrays only by their type."""
    match value:
        case bool():
            return str(value).lower()
        case int() if abs(value) >= _DIGITS:
            return "a huge integer"
        case str():
            return _show_text(value)
        case int() | float():
            return str(value)
        case dt.date() | dt.time():
            return value.isoformat()
        case _:
            return name_type(value)


def _show_text(text: str) -> str:
    shown = escape(text[:SHOWN].replace("\\", r"\\").replace('"', r"\""))
    return f'"{shown}…" ({len(text)} characters)' if len(text) > SHOWN else f'"{shown}"'


def escape(text: str) -> str:
    r"""Replace what can't be printed, or would act on a terminal, by `\n`, `\x1b`, `\u202e`."""
    return "".join(
        character if character.isprintable() else character.encode("unicode_escape").decode("ascii")
        for character in text
    )


def join(where: str, key: str) -> str:
    """Add a key to a key path, quoted where TOML needs quotes."""
    shown = key if _BARE_KEY.fullmatch(key) else show(key)
    return f"{where}.{shown}" if where else shown


def name_type(value: object) -> str:
    """Name the TOML type of a value, with its article."""
    # In this order: a boolean is an integer to Python, and a date-time a date.
    return next((name for kind, name in _TYPES.items() if isinstance(value, kind)), "a value")


def control_character(text: str) -> str | None:
    """Name the first character that no value may have, and where it is; None if there is none.

    These are the control characters (C0, DEL, C1), the Unicode line and paragraph separators, and
    lone surrogates: each can end a line, or a value, for some reader.
    """
    for index, character in enumerate(text):
        if unicodedata.category(character) in _FORBIDDEN:
            name = _NAMES.get(character, f"U+{ord(character):04X}")
            return f"{name} at character {index + 1}"
    return None


def suggest(key: str, known: Collection[str]) -> str:
    """Say which key may have been meant, or else which there are."""
    near = difflib.get_close_matches(key[:64].lower(), known, n=1)
    if near:
        return f"unknown key; did you mean {near[0]}?"
    return f"unknown key; expected one of {', '.join(known)}"
