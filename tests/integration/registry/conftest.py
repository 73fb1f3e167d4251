"""The registry on each of the databases that it may be kept in."""

import itertools
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from ground2cloud.registry.database import sqlite_url
from ground2cloud.registry.store import Registry
from tests.lab.postgres import Postgres


class Databases:
    """Makes empty databases; the server is started for the first one that needs it."""

    def __init__(self) -> None:
        self._stack = ExitStack()
        self._server: Postgres | None = None
        self._numbers = itertools.count()

    def sqlite(self, directory: Path) -> str:
        return sqlite_url(directory / f"registry-{next(self._numbers)}.db")

    def postgresql(self) -> str:
        if self._server is None:
            self._server = self._stack.enter_context(Postgres())
        name = f"registry_{next(self._numbers)}"
        self._server.query(f"CREATE SCHEMA {name}")  # a database would take a second
        where = f"127.0.0.1:{self._server.port}/postgres"
        return f"postgresql://postgres@{where}?options=-csearch_path%3D{name}"

    def close(self) -> None:
        self._stack.close()


@pytest.fixture(scope="session")
def databases() -> Iterator[Databases]:
    made = Databases()
    yield made
    made.close()


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, databases: Databases, tmp_path: Path) -> str:
    """The URL of an empty database."""
    return databases.sqlite(tmp_path) if request.param == "sqlite" else databases.postgresql()


@pytest.fixture
def registry(url: str) -> Iterator[Registry]:
    made = Registry(url)
    yield made
    made.close()
