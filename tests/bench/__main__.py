"""`make bench`: measure the program against others who do the same, in the same run.

    python -m tests.bench [PART…]

The parts of the agent (against bare ssh and autossh): recovery start reload traffic throughput
footprint imports; of the gateway: registrations stale arrivals router.

Prints a table, writes results/bench.json, and ends with 1 when a bar is not met.
"""

import json
import sys
from collections.abc import Callable
from pathlib import Path

import click
from rich.console import Console
from rich.table import Table

from tests.bench import tunnels
from tests.bench.machine import Disturbance, facts
from tests.bench.parts import (
    arrivals,
    footprint,
    imports,
    recovery,
    registrations,
    reload,
    router,
    stale,
    start,
    throughput,
    traffic,
)
from tests.bench.rows import Row

PARTS: dict[str, Callable[[], list[Row]]] = {
    "recovery": recovery.measure,
    "start": start.measure,
    "reload": reload.measure,
    "traffic": traffic.measure,
    "throughput": throughput.measure,
    "footprint": footprint.measure,
    "imports": imports.measure,
    "registrations": registrations.measure,
    "stale": stale.measure,
    "arrivals": arrivals.measure,
    "router": router.measure,
}

RESULTS = Path("results/bench.json")


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def _table(rows: list[Row]) -> Table:
    table = Table("what", "medians", "figure", "bar", "", title="Ground2Cloud bench")
    colours = {"PASS": "green", "FAIL": "bold red", "": "dim"}
    for row in rows:
        medians = "\n".join(
            f"{name} {_number(value)} {row.unit}" for name, value in row.medians.items()
        )
        sign = "≤" if row.at_most else "≥"
        bar = "" if row.bar is None else f"{sign} {row.bar:g}"
        figure = f"{_number(row.measured)} {row.figure}"
        table.add_row(row.what, medians, figure, bar, row.verdict, style=colours[row.verdict])
    return table


@click.command()
@click.argument("parts", nargs=-1, type=click.Choice(list(PARTS)))
def main(parts: tuple[str, ...]) -> None:
    """Measure the named parts, by default all."""
    console = Console(width=None if sys.stdout.isatty() else 120)
    machine = facts()
    for name, value in machine.items():
        console.print(f"{name + ':':14}{value}", highlight=False)
    rows: list[Row] = []
    disturbance = Disturbance()
    for part in parts or tuple(PARTS):
        console.print(f"measuring: {part} …", highlight=False)
        rows += PARTS[part]()
    machine["load after"], machine["stolen"] = disturbance.load(), disturbance.stolen()
    machine |= tunnels.versions()
    RESULTS.parent.mkdir(exist_ok=True)
    document = {"machine": machine, "rows": [row.as_json() for row in rows]}
    RESULTS.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
    console.print(_table(rows))
    console.print(
        f"load after: {machine['load after']}, processor time that other virtual machines took:"
        f" {machine['stolen']}",
        highlight=False,
    )
    failed = sum(not row.passed for row in rows)
    console.print(f"{RESULTS} written, {failed} of {len(rows)} bars not met", highlight=False)
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
