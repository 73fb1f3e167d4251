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
