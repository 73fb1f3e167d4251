"""Brings the tables of a database to the version that this program knows, with alembic.

One transaction makes all steps: a program that is killed in the middle has done nothing.
"""

from sqlalchemy import Connection, String, column, inspect, select, table

from ground2cloud.registry import tables
from ground2cloud.registry.migrations import KNOWN, VERSION_TABLE

LATEST = KNOWN[-1]
"""The version of `tables`."""

EMPTY = ""
"""The version of a database without tables."""

_PACKAGE = "ground2cloud.registry:migrations"


def version(connection: Connection) -> str:
    """Return the version of a database's tables, which may be one that this program can't know."""
    there = inspect(connection)
    if there.has_table(VERSION_TABLE):
        query = select(column("version_num", String)).select_from(table(VERSION_TABLE))
        return str(connection.execute(query).scalar() or EMPTY)
    if not there.has_table(tables.counter.name):
        return EMPTY
    return _number_before_alembic(connection)


def migrate(connection: Connection, before: str) -> None:
    """Make the steps from the version `before`, one of `KNOWN` or EMPTY, to the latest."""
    # 0.2 s that a start which finds the tables as they should be does without.
    from alembic import command  # noqa: PLC0415 - as said above
    from alembic.config import Config  # noqa: PLC0415 - the same

    settings = Config(attributes={"connection": connection})
    settings.set_main_option("script_location", _PACKAGE)
    if before != EMPTY and not inspect(connection).has_table(VERSION_TABLE):
        command.stamp(settings, before)
    command.upgrade(settings, "head")


def _number_before_alembic(connection: Connection) -> str:
    row = tables.counter.c.name == "schema"
    number = connection.execute(select(tables.counter.c.value).where(row)).scalar_one()
    return f"{number:04}"
