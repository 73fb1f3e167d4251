"""Numbers as people say them, and marks that every terminal can show."""

import os
from datetime import datetime
from typing import NamedTuple, TextIO

_MINUTE, _HOUR, _DAY = 60, 3600, 86400
_UNITS = ("B", "kB", "MB", "GB", "TB")
_NOW = 0.5  # seconds; less than that ago is "now"


class Marks(NamedTuple):
    """The few signs beyond ASCII."""

    good: str
    bad: str
    unknown: str
    arrow: str


UNICODE = Marks("✓", "✗", "–", "→")  # noqa: RUF001 - the dash is meant
ASCII = Marks("+", "x", "-", "->")


def marks_for(stream: TextIO) -> Marks:
    """Take the signs that this stream's encoding has."""
    try:
        "".join(UNICODE).encode(stream.encoding or "ascii")
    except (UnicodeEncodeError, LookupError):
        return ASCII
    return UNICODE


def wants_color(stream: TextIO) -> bool:
    """Say whether colours are welcome: a terminal, and neither NO_COLOR nor TERM=dumb is set."""
    return (
        stream.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM", "") != "dumb"
    )


def duration(seconds: float) -> str:
    """Say a time span: `0.31 s`, `45 s`, `2 min 5 s`, `3 h 20 min`, `4 d 2 h`."""
    seconds = max(0.0, seconds)
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms" if seconds < 0.1 else f"{seconds:.2f} s"  # noqa: PLR2004 - a tenth: two digits of either unit
    whole = round(seconds)
    for unit, name, part, part_name in (
        (_DAY, "d", _HOUR, "h"),
        (_HOUR, "h", _MINUTE, "min"),
        (_MINUTE, "min", 1, "s"),
    ):
        if whole >= unit:
            rest = whole % unit // part
            return f"{whole // unit} {name}" + (f" {rest} {part_name}" if rest else "")
    return f"{whole} s"


def ago(moment: str | None, now: str) -> str:
    """Say how long before `now` it was; both ISO 8601. Empty where that can't be said."""
    try:
        seconds = (
            datetime.fromisoformat(now) - datetime.fromisoformat(moment or "")
        ).total_seconds()
    except (ValueError, TypeError):
        return ""
    return "now" if seconds < _NOW else f"{duration(max(1, seconds))} ago"


def size(count: float) -> str:
    """Say a number of bytes: `712 B`, `12.3 MB`; units of 1000, as discs and links are sold."""
    power = 0
    while count >= 999.5 and power < len(_UNITS) - 1:  # noqa: PLR2004 - it would show four digits
        count /= 1000
        power += 1
    return f"{count:.3g} {_UNITS[power]}" if power else f"{count:.0f} B"


def count(number: int, one: str) -> str:
    """Say `1 service`, `2 services`."""
    return f"{number} {one if number == 1 else one + 's'}"
