"""What stands in a registry, row by row, whatever the program thinks of it."""

from sqlalchemy import select

from ground2cloud.registry.store import Registry
from ground2cloud.registry.tables import METADATA

SIGHTINGS = frozenset({"seen_at", "version", "address", "last_error"})
"""Columns of what was heard of agents, which the gateway writes now and then."""


def dump(registry: Registry, without: frozenset[str] = frozenset()) -> dict[str, list[str]]:
    """Return every row of every table, without these columns."""
    with registry._database.reading() as connection:
        return {
            table.name: sorted(
                map(
                    repr,
                    connection.execute(
                        select(*(column for column in table.c if column.name not in without))
                    ),
                )
            )
            for table in METADATA.sorted_tables
        }


class Snapshot:
    """All rows of a registry, to be put back later over whatever is there by then."""

    def __init__(self, registry: Registry) -> None:
        with registry._database.reading() as connection:
            self._rows = {
                table: [dict(row._mapping) for row in connection.execute(select(table))]
                for table in METADATA.sorted_tables
            }

    def put_back(self, registry: Registry) -> None:
        """Have in it what there was, as restoring a backup does."""
        with registry._database.writing() as connection:
            for table in reversed(METADATA.sorted_tables):
                connection.execute(table.delete())
            for table, rows in self._rows.items():
                if rows:
                    connection.execute(table.insert(), rows)
