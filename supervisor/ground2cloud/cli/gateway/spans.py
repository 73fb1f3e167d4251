"""Spans of time as operators write them: `90s`, `30m`, `1h`, `7d`."""

import re
from typing import Any

import click

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 7 * 86400}
_SPAN = re.compile(r"([1-9][0-9]{0,5})([smhdw])")


class Span(click.ParamType[float]):
    """A span of time in seconds."""

    name = "span"

    def convert(
        self,
        value: Any,  # noqa: ANN401 - click's signature
        param: click.Parameter | None,
        ctx: click.Context | None,
    ) -> float:
        """Read it; fails with what would be right."""
        if isinstance(value, float):
            return value
        found = _SPAN.fullmatch(str(value).strip().lower())
        if found is None:
            self.fail("expected a number with s, m, h, d or w behind it, such as 1h", param, ctx)
        return float(int(found[1]) * _UNITS[found[2]])
