"""The size rule: no file over 400 lines, no function over 60.

    python tests/setup/sizes.py DIRECTORY…

Prints each offender as `file:line: …` and ends with 1 when there is one.
"""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

FILE_LINES = 400
FUNCTION_LINES = 60


def offences(file: Path) -> Iterator[str]:
    """Yield a line for everything in `file` that is too long."""
    text = file.read_text(encoding="utf-8")
    if (lines := len(text.splitlines())) > FILE_LINES:
        yield f"{file}:1: {lines} lines, at most {FILE_LINES} are allowed"
    for node in ast.walk(ast.parse(text, str(file))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            length = (node.end_lineno or node.lineno) - node.lineno + 1
            if length > FUNCTION_LINES:
                yield (
                    f"{file}:{node.lineno}: {node.name} has {length} lines,"
                    f" at most {FUNCTION_LINES} are allowed"
                )


def main(directories: list[str]) -> int:
    """Check every Python file below `directories`."""
    files = sorted(file for name in directories for file in Path(name).rglob("*.py"))
    if not files:
        print("no Python file found in", *directories)
        return 1
    found = [line for file in files for line in offences(file)]
    print(*found, sep="\n", end="\n" if found else "")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
