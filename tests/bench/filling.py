"""A registry with thousands of registrations, written at once: registering each takes minutes."""

from pathlib import Path

from sqlalchemy import create_engine, insert, update

from ground2cloud.config.model import Kind
from ground2cloud.registry.database import sqlite_url
from ground2cloud.registry.records import FIRST_ID
from ground2cloud.registry.store import Registry
from ground2cloud.registry.tables import counter, registration, service, ssh_key
from ground2cloud.registry.tokens import digest
from tests.lab.registering import NOW, make_key

FIRST_PORT = 40_000
"""Of theirs: above the ports of tests, and of those that register later."""


def fill(path: Path, count: int) -> None:
    """Make the registry in this file, with so many registrations of one service each."""
    path.parent.mkdir(mode=0o700, exist_ok=True)
    Registry(sqlite_url(path)).close()
    numbers = range(FIRST_ID, FIRST_ID + count)
    engine = create_engine(sqlite_url(path))
    with engine.begin() as connection:
        rows: list[dict[str, object]] = [
            {
                "id": number,
                "name": f"agent-{number}",
                "token_hash": digest(f"agent-{number}"),
                "allowed": [],
                "created_at": NOW,
                "changed": number - FIRST_ID + 1,
            }
            for number in numbers
        ]
        connection.execute(insert(registration), rows)
        keys = [
            {"key": make_key(number), "registration": number, "is_next": False}
            for number in numbers
        ]
        connection.execute(insert(ssh_key), keys)
        services = [
            {
                "port": FIRST_PORT + number - FIRST_ID,
                "registration": number,
                "name": "web",
                "kind": Kind.HTTP.value,
                "position": 0,
            }
            for number in numbers
        ]
        connection.execute(insert(service), services)
        for name, value in {"registration": FIRST_ID + count, "changes": count}.items():
            row = update(counter).where(counter.c.name == name)
            connection.execute(row.values(value=value))
    engine.dispose()
