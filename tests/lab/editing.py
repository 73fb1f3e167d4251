"""Editing an agent.toml as a program would: read, change, replace by a rename."""

import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import tomli_w


def edit(path: Path, change: Callable[[dict[str, Any]], object]) -> None:
    """Read the file, let `change` modify its tables, and replace it by a rename."""
    tables = tomllib.loads(path.read_text("utf-8"))
    change(tables)
    fresh = path.with_suffix(".new")
    fresh.write_text(tomli_w.dumps(tables), "utf-8")
    fresh.replace(path)
