"""Columns of plain text, aligned by what is seen and not by what is sent."""

from collections.abc import Sequence
from typing import NamedTuple

import click

from ground2cloud.logs.escape import printable

_GAP = "  "
_CELL_LIMIT = 100


class Cell(NamedTuple):
    """One field of a row. `text` comes from anywhere: it is escaped here. `color` as in click."""

    text: str
    color: str = ""


def columns(rows: Sequence[Sequence[Cell]]) -> list[str]:
    """Set rows of equal length as lines whose columns begin under each other."""
    escaped = [[Cell(printable(text, _CELL_LIMIT), color) for text, color in row] for row in rows]
    widths = [max(len(row[index].text) for row in escaped) for index in range(len(escaped[0]))]
    return [_line(row, widths) for row in escaped]


def _line(row: Sequence[Cell], widths: Sequence[int]) -> str:
    padded = [
        paint(f"{text:<{width}}", color) for (text, color), width in zip(row, widths, strict=True)
    ]
    # The last column needs no padding; a colour's end mark would keep rstrip from it.
    padded[-1] = paint(row[-1].text, row[-1].color)
    return _GAP.join(padded).rstrip()


def paint(text: str, color: str) -> str:
    """Colour a text that needs it; click takes it off again where colours aren't welcome."""
    return click.style(text, fg=color) if color else text
