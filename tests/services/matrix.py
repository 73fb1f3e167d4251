"""From the results of the tests to results/services.json and to the table of the README.

    python -m tests.services.matrix JUNIT_XML…

As a plugin of pytest (`-p tests.services.matrix`) it notes in the JUnit file which service manager
a test is about (the mark `lane`), and what it shows (the mark `shows`); as a program it reads those
files. A cell of the table has what passed tests show, and says which ones failed.
"""

import json
import re
import sys
import xml.etree.ElementTree as ET
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).parents[2]
RESULTS = ROOT / "results" / "services.json"
README = ROOT / "service_wrappers" / "README.md"

COLUMNS = ("start", "stop", "reload", "crash", "exit 78", "hang", "reboot")
BEGIN, END = "<!-- begin: make service-matrix -->\n", "<!-- end -->"


class Check(NamedTuple):
    """One test: the manager it is about, its name, how it ended, and what it shows."""

    lane: str
    check: str
    outcome: str
    shows: list[tuple[str, str]]


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Note the marks of a test in its properties, which go into the JUnit file."""
    for mark in item.iter_markers("lane"):
        item.user_properties.append(("lane", mark.args[0]))
    for mark in item.iter_markers("shows"):
        item.user_properties.append((f"shows {mark.args[0]}", mark.args[1]))


def read(file: Path) -> Iterator[Check]:
    """Yield the tests of a JUnit file that are about a manager."""
    for case in ET.parse(file).iter("testcase"):  # noqa: S314 - pytest wrote it just now
        facts = [(one.get("name", ""), one.get("value", "")) for one in case.iter("property")]
        lanes = [value for name, value in facts if name == "lane"]
        shows = [
            (name.removeprefix("shows "), value)
            for name, value in facts
            if name.startswith("shows ")
        ]
        bad = [part.tag for part in case if part.tag in {"failure", "error", "skipped"}]
        for lane in lanes:
            yield Check(lane, case.get("name", ""), bad[0] if bad else "passed", shows)


def table(checks: Iterable[Check]) -> str:
    """Write the table: a row for each manager."""
    rows: dict[str, list[Check]] = {}
    for check in checks:
        rows.setdefault(check.lane, []).append(check)
    head = ("service manager", "tests", *COLUMNS)
    lines = [head, ("---",) * len(head), *(_row(lane, rows[lane]) for lane in sorted(rows))]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _row(lane: str, checks: list[Check]) -> tuple[str, ...]:
    passed = sum(check.outcome == "passed" for check in checks)
    tests = f"{passed} passed" + (f", {len(checks) - passed} not" if passed < len(checks) else "")
    return (lane, tests, *(_cell(column, checks) for column in COLUMNS))


def _cell(column: str, checks: list[Check]) -> str:
    # A test that ran with several parameters shows something once, if all of them passed.
    said: dict[str, bool] = {}
    for check in checks:
        for name, text in check.shows:
            if name == column:
                said[text] = said.get(text, True) and check.outcome == "passed"
    return (
        "; ".join(text if good else f"**failed**: {text}" for text, good in said.items())
        or "not tested"
    )


def put(text: str, made: str) -> str:
    """Put the table between its marks.

    Raises:
        ValueError: the marks are not there, once each.
    """
    new, count = re.subn(
        f"{re.escape(BEGIN)}.*?{re.escape(END)}",
        lambda _: f"{BEGIN}\n{made}\n{END}",
        text,
        flags=re.DOTALL,
    )
    if count != 1:
        raise ValueError(f"{README} must have one {BEGIN.strip()} … {END}")
    return new


def main(files: list[str]) -> int:
    """Read, write the results, renew the table; answer 1 if there are no results."""
    checks = sorted(check for file in files for check in read(Path(file)))
    if not checks:
        print("no results", file=sys.stderr)
        return 1
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps([check._asdict() for check in checks], indent=1) + "\n", "utf-8")
    README.write_text(put(README.read_text("utf-8"), table(checks)), "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
