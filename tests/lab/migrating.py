"""Databases of older versions, and programs that are killed while they bring them up to date.

As a program: opens a registry again and again, killed at its first statement, at its second, …,
until it comes through; prints after each time what the database holds then, as a line of JSON.
"""

import itertools
import json
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, Engine, MetaData, create_engine, event, insert, make_url, text

from ground2cloud.registry.migrations import VERSION_TABLE
from ground2cloud.registry.store import Registry
from ground2cloud.registry.tokens import digest
from tests.lab.registering import NOW, make_key

ROWS: dict[str, list[dict[str, object]]] = {
    "g2c_registration": [
        {"id": 1001, "name": "one", "token_hash": digest("one"), "allowed": [], "created_at": NOW},
        {"id": 1002, "name": "two", "allowed": ["web"], "created_at": NOW, "unregistered_at": NOW},
    ],
    "g2c_ssh_key": [
        {"key": make_key("one"), "registration": 1001, "is_next": False},
        {"key": make_key("next"), "registration": 1001, "is_next": True},
    ],
    "g2c_service": [
        {"port": 11081, "registration": 1001, "name": "db", "kind": "postgresql", "position": 0},
        {"port": 11082, "registration": 1002, "name": "web", "kind": "http", "removed_at": NOW},
    ],
    "g2c_invite": [{"token_hash": digest("invite"), "services": [], "expires_at": NOW + 3600}],
    "g2c_element": [
        {
            "id": 1,
            "name": "shop",
            "key_hash": digest("shop"),
            "grants": [[1001, None]],
            "created_at": NOW,
            "networks": ["10.0.0.0/8"],
        }
    ],
}
"""What the database below holds, besides its numbers."""


@contextmanager
def connected(url: str) -> Iterator[Connection]:
    """Lend a transaction in a database, past the program."""
    full = make_url(url)
    driver = {"sqlite": "sqlite+pysqlite"}.get(full.get_backend_name(), "postgresql+psycopg")
    engine = create_engine(full.set(drivername=driver))
    try:
        with engine.begin() as connection:
            yield connection
    finally:
        engine.dispose()


def make_before_alembic(url: str) -> None:
    """Make a database as programs before alembic left it, with something of everything in it."""
    with connected(url) as connection:
        settings = Config(attributes={"connection": connection})
        settings.set_main_option("script_location", "ground2cloud.registry:migrations")
        command.upgrade(settings, "0001")
        connection.execute(text(f"DROP TABLE {VERSION_TABLE}"))
        known = MetaData()
        known.reflect(connection)
        for name, rows in ROWS.items():
            for row in rows:
                connection.execute(insert(known.tables[name]).values(row))
        for name, value in {"registration": 1003, "port": 11083, "element": 2}.items():
            row = {"value": value, "name": name}
            connection.execute(
                text("UPDATE g2c_counter SET value = :value WHERE name = :name"), row
            )


def content(url: str) -> dict[str, list[str]]:
    """Return every row of every table there is."""
    with connected(url) as connection:
        known = MetaData()
        known.reflect(connection)
        return {
            name: sorted(map(repr, connection.execute(table.select())))
            for name, table in known.tables.items()
        }


def main(url: str) -> None:
    """Open it until it succeeds."""
    for count in itertools.count(1):
        child = os.fork()
        if child == 0:
            _die_at(count)
            with closing(Registry(url, upgrades=True)):
                os._exit(0)
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        print(json.dumps([code, content(url)]), flush=True)
        if code != -signal.SIGKILL:
            return


def _die_at(count: int) -> None:
    """Be killed before the database is asked for the `count`th thing, a COMMIT among them."""
    asked = itertools.count(1)

    def ask(*_: object) -> None:
        if next(asked) == count:
            os.kill(os.getpid(), signal.SIGKILL)

    event.listen(Engine, "before_cursor_execute", ask)
    event.listen(Engine, "commit", ask)


if __name__ == "__main__":
    main(sys.argv[1])
