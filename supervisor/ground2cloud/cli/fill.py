"""Set keys of the sample configuration, and leave every other line as it is."""

import re
from collections.abc import Mapping

import tomli_w


def fill(text: str, table: str, values: Mapping[str, str | int]) -> str:
    """Set keys of one table of the sample; each stands there once, perhaps commented out.

    Args:
        text: the sample.
        table: its header as it stands there: `[gateway]`, `[[service]]`.
        values: the keys to set.
    """
    lines = text.splitlines(keepends=True)
    start = lines.index(f"{table}\n")
    for key, value in values.items():
        pattern = re.compile(rf"#?{re.escape(key)} = ")
        place = next(i for i, line in enumerate(lines) if i > start and pattern.match(line))
        lines[place] = tomli_w.dumps({key: value})
    return "".join(lines)
