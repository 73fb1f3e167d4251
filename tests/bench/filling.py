"""A registry with thousands of registrations, written at once: registering each takes minutes."""

from pathlib import Path

from sqlalchemy import create_engine, insert, update

from ground2cloud.config.model import Kind
from ground2cloud.registry.database import number, sqlite_url
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
    engine = create_engine(sqlite_url(path))
    with engine.begin() as connection:
        first = number(connection, "registration")
        identities = range(first, first + count)
        rows: list[dict[str, object]] = [
            {
                "id": identity,
                "name": f"agent-{identity}",
                "token_hash": digest(f"agent-{identity}"),
                "allowed": [],
                "created_at": NOW,
                "changed": identity - first + 1,
            }
            for identity in identities
        ]
        connection.execute(insert(registration), rows)
        keys = [
            {"key": make_key(identity), "registration": identity, "is_next": False}
            for identity in identities
        ]
        connection.execute(insert(ssh_key), keys)
        services = [
            {
                "port": FIRST_PORT + identity - first,
                "registration": identity,
                "name": "web",
                "kind": Kind.HTTP.value,
                "position": 0,
            }
            for identity in identities
        ]
        connection.execute(insert(service), services)
        for name, value in {"registration": first + count, "changes": count}.items():
            row = update(counter).where(counter.c.name == name)
            connection.execute(row.values(value=value))
    engine.dispose()
