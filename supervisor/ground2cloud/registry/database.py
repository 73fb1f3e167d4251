"""The database behind the registry: opening it, one transaction at a time, and its troubles.

SQLite is a file in WAL mode: readers never wait, and a change is on the disk before it is
answered. PostgreSQL serves where several gateways share one registry. Nothing that a database
says reaches a user with a password or a statement's values in it.
"""

import logging
import os
import sqlite3
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, Table, create_engine, event, exc, func, select
from sqlalchemy.engine import URL, make_url

from ground2cloud.core.clock import monotonic
from ground2cloud.logs.fields import log
from ground2cloud.registry import migrating, tables
from ground2cloud.registry.errors import RegistryError, UnusableRegistryError
from ground2cloud.registry.migrations import KNOWN
from ground2cloud.registry.patience import be_impatient, be_patient
from ground2cloud.rendering.atomic import make_private_directory

BUSY = 10.0
"""Seconds to wait for another process that is just writing."""

CONNECT = 5.0
"""Seconds to wait for a server to let us in. With all else, a call of an agent is answered before
the agent gives up (15 s)."""

_log = logging.getLogger(__name__)

_MODE = 0o600
_WRITES = "g2c_writes"
_SCHEMA_LOCK = 0x673263  # "g2c"; any number that nobody else takes in the same database
_SHOWN = 300
_LOOK = 0.01  # seconds; of 0.002 and 0.01 the better one for two writers, a writer takes some 5 ms
# A fault of the program, not of the database; not to be hidden behind "can't be used now".
_DEFECTS = (exc.DataError, exc.IntegrityError, exc.ProgrammingError)


class Database:
    """A database whose tables are there and are understood.

    Args:
        url: `sqlite:////var/lib/ground2cloud/registry.db` or `postgresql://user@host/name`.
        upgrades: whether tables of an older version become those of this program. Tables are made
            in any case where there are none.

    Raises:
        UnusableRegistryError: this can't be a registry, or one of a newer program, or of an older
            one without `upgrades`.
        RegistryError: it can't be reached or read now.
    """

    def __init__(self, url: str, *, upgrades: bool = False) -> None:
        self._engine, self.where = _open(url)
        # Threads of this process wait for each other here, and between processes one thread each.
        self._turn = threading.Lock()
        try:
            self._prepare(upgrades=upgrades)
        except exc.ProgrammingError as error:
            self.close()
            raise UnusableRegistryError(self._said(error)) from error
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Close every connection."""
        self._engine.dispose()

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """Lend a transaction that sees one state of everything and changes nothing.

        Raises:
            RegistryError: the database can't be used now.
        """
        with self._in_words(), self._engine.connect() as connection, connection.begin():
            yield connection

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """Lend a transaction; it is kept when the block ends, and undone when the block raises.

        Raises:
            RegistryError: the database can't be used now; nothing was kept, unless the connection
                broke at the very end.
        """
        with self._turn, self._in_words(), self._engine.connect() as connection:
            connection.execution_options(**{_WRITES: True})
            with connection.begin():
                yield connection

    @contextmanager
    def changing(self) -> Iterator[Connection]:
        """Lend a transaction for a change that routes or keys depend on, one at a time.

        Raises:
            RegistryError: as for `writing`.
        """
        with self.writing() as connection:
            take_numbers(connection, "changes", 1)
            yield connection

    @contextmanager
    def _in_words(self) -> Iterator[None]:
        try:
            yield
        except _DEFECTS:
            raise
        except (exc.DBAPIError, exc.TimeoutError) as error:
            raise RegistryError(self._said(error)) from error

    def _said(self, error: exc.SQLAlchemyError) -> str:
        cause = error.orig if isinstance(error, exc.DBAPIError) else error
        words = " ".join(str(cause).split())[:_SHOWN]
        return f"the registry {self.where} can't be used: {words}"

    def _prepare(self, *, upgrades: bool) -> None:
        with self.reading() as connection:
            before = self._version(connection)
        if before == migrating.LATEST:
            return
        if before != migrating.EMPTY and not upgrades:
            raise UnusableRegistryError(
                f"the registry {self.where} has version {before};"
                f" this program needs {migrating.LATEST}",
                "start the gateway (ground2cloud gateway run): it brings the registry up to date",
            )
        with self.writing() as connection:
            be_patient(connection)
            if connection.dialect.name == "postgresql":
                connection.execute(select(func.pg_advisory_xact_lock(_SCHEMA_LOCK)))
            before = self._version(connection)  # meanwhile another process may have been here
            if before != migrating.LATEST:
                migrating.migrate(connection, before)
        if before not in {migrating.EMPTY, migrating.LATEST}:
            text = f"the registry {self.where} is brought to version {migrating.LATEST}"
            log(_log, logging.INFO, "registry-upgraded", f"{text} from {before}")

    def _version(self, connection: Connection) -> str:
        """Return the version of the tables.

        Raises:
            UnusableRegistryError: it is newer than this program.
        """
        version = migrating.version(connection)
        if version not in {migrating.EMPTY, *KNOWN}:
            raise UnusableRegistryError(
                f"the registry {self.where} has version {version};"
                f" this program knows up to {migrating.LATEST}",
                "use the program that wrote it, or a newer one",
            )
        return version


def sqlite_url(path: Path) -> str:
    """Return the URL of a registry in a file."""
    return URL.create("sqlite", database=str(path.absolute())).render_as_string()


def anchored(url: str, directory: Path) -> str:
    """Return a URL; an SQLite file's relative path in it begins in `directory`.

    Raises:
        UnusableRegistryError: it is no URL of a database.
    """
    parsed = _parse(url)
    if parsed.get_backend_name() != "sqlite" or parsed.database in {None, "", ":memory:"}:
        return url
    path = directory / os.path.expanduser(str(parsed.database))  # noqa: PTH111 - Path raises
    return parsed.set(database=str(path)).render_as_string(hide_password=False)


def number(connection: Connection, name: str) -> int:
    """Return one of the numbers of the table `counter`."""
    query = select(tables.counter.c.value).where(tables.counter.c.name == name)
    return int(connection.execute(query).scalar_one())


def set_number(connection: Connection, name: str, value: int) -> None:
    """Set one of the numbers."""
    row = tables.counter.c.name == name
    connection.execute(tables.counter.update().where(row).values(value=value))


def take_numbers(connection: Connection, name: str, count: int) -> int:
    """Count one of the numbers up and return what it was; whoever does the same waits."""
    row = tables.counter.c.name == name
    column = tables.counter.c.value
    connection.execute(tables.counter.update().where(row).values(value=column + count))
    return number(connection, name) - count


def touch(connection: Connection, table: Table, identities: Iterable[int]) -> None:
    """Note with these rows that the change under way, which has counted, touches them."""
    counted = select(tables.counter.c.value).where(tables.counter.c.name == "changes")
    rows = table.c.id.in_(tuple(identities))
    connection.execute(table.update().where(rows).values(changed=counted.scalar_subquery()))


def _parse(text: str) -> URL:
    try:
        return make_url(text)
    except (exc.ArgumentError, ValueError):  # ValueError: of a port that is no number
        raise UnusableRegistryError("the registry's URL is none of a database") from None


def _open(text: str) -> tuple[Engine, str]:
    url = _parse(text)
    match url.get_backend_name():
        case "sqlite" if url.database and url.database != ":memory:":
            return _open_sqlite(url, Path(url.database)), url.database
        case "postgresql" | "postgres":
            # What follows the ? may be a password, too.
            return _open_postgresql(url), url.set(query={}).render_as_string(hide_password=True)
        case _:
            raise UnusableRegistryError(
                f"a registry can't be kept in {url.get_backend_name()}",
                "expected sqlite:////path/of/file or postgresql://user@host/database",
            )


def _open_sqlite(url: URL, path: Path) -> Engine:
    try:
        make_private_directory(path.parent)
        # SQLite would make it readable for everybody; its -wal and -shm take its mode.
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, _MODE))
    except OSError as error:
        raise RegistryError(f"the registry {path} can't be opened: {error.strerror}") from error
    url = url.set(drivername="sqlite+pysqlite")
    engine = create_engine(url, hide_parameters=True, connect_args={"timeout": BUSY})
    event.listen(engine, "connect", _tune_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _tune_sqlite(connection: Any, _record: object) -> None:  # noqa: ANN401 - untyped in SQLAlchemy
    connection.isolation_level = None  # the driver's own BEGIN comes too late for a read
    cursor = connection.cursor()
    for pragma in ("journal_mode = WAL", "synchronous = FULL", "foreign_keys = ON"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin_sqlite(connection: Connection) -> None:
    if not connection.get_execution_options().get(_WRITES):
        connection.exec_driver_sql("BEGIN")
        return
    connection.exec_driver_sql("PRAGMA busy_timeout = 0")
    try:
        _take_turn(connection, monotonic() + BUSY)
    finally:
        connection.exec_driver_sql(f"PRAGMA busy_timeout = {round(BUSY * 1000)}")


def _take_turn(connection: Connection, deadline: float) -> None:
    """Begin a change; not later, for it reads first, and none may come between.

    SQLite's own wait looks again after up to 100 ms. A process that writes one change after the
    other leaves it no gap to see: it was kept waiting by 100 registrations in a row.
    """
    while True:
        try:
            connection.exec_driver_sql("BEGIN IMMEDIATE")
        except exc.OperationalError as error:
            if not _is_busy(error) or monotonic() > deadline:
                raise
            threading.Event().wait(_LOOK)
        else:
            return


def _is_busy(error: exc.OperationalError) -> bool:
    cause = error.orig
    # The low byte is the error, the others its variety.
    return (
        isinstance(cause, sqlite3.OperationalError)
        and cause.sqlite_errorcode & 0xFF == sqlite3.SQLITE_BUSY
    )


def _open_postgresql(url: URL) -> Engine:
    url = url.set(drivername="postgresql+psycopg")
    options = {
        # libpq's, in seconds and milliseconds.
        "connect_timeout": round(CONNECT),
        "tcp_user_timeout": round(BUSY * 1000),
        # psycopg's: a pooler in between may lend another connection for each transaction, which
        # would know none of the statements that were prepared on the one before.
        "prepare_threshold": None,
    }
    try:
        engine = create_engine(url, hide_parameters=True, connect_args=options)
    except ImportError:  # there is no psycopg, or it has no libpq
        raise UnusableRegistryError(
            "a registry in PostgreSQL needs the package psycopg",
            "install it: pip install 'psycopg[binary]'",
        ) from None
    be_impatient(engine)
    event.listen(engine, "begin", _begin_postgresql)
    return engine


def _begin_postgresql(connection: Connection) -> None:
    if connection.get_execution_options().get(_WRITES):
        # Who waited for another change goes on from what that one wrote; the server's default may
        # be to refuse it.
        connection.exec_driver_sql("SET TRANSACTION ISOLATION LEVEL READ COMMITTED READ WRITE")
        connection.exec_driver_sql(f"SET LOCAL lock_timeout = {round(BUSY * 1000)}")
    else:
        # Several queries must see one state, as they do in SQLite.
        connection.exec_driver_sql("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
