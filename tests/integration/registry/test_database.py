"""Opening a registry, and what it says when it can't be used."""

import os
import sqlite3
import stat
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest

from ground2cloud.errors import EXIT_FAILURE
from ground2cloud.registry.database import sqlite_url
from ground2cloud.registry.errors import RegistryError, UnusableRegistryError
from ground2cloud.registry.store import Registry
from tests.integration.registry.conftest import Databases
from tests.lab.pooler import Pooler
from tests.lab.ports import free_port
from tests.lab.postgres import Postgres
from tests.lab.registering import enter, make_invite


def test_a_file_is_its_owners_alone_with_what_sqlite_puts_beside_it(tmp_path: Path) -> None:
    path = tmp_path / "made" / "registry.db"
    before = os.umask(0)
    try:
        registry = Registry(sqlite_url(path))
        make_invite(registry)
    finally:
        os.umask(before)
    modes = {entry.name: stat.S_IMODE(entry.stat().st_mode) for entry in path.parent.iterdir()}
    registry.close()
    assert modes == dict.fromkeys(["registry.db", "registry.db-wal", "registry.db-shm"], 0o600)
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_a_path_may_have_any_characters(tmp_path: Path) -> None:
    path = tmp_path / "a b?c%41#d" / "é.db"
    registry = Registry(sqlite_url(path))
    make_invite(registry)
    registry.close()
    assert path.stat().st_size > 0


def test_a_file_that_is_no_database_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "registry.db"
    path.write_text("something else\n" * 100)
    with pytest.raises(RegistryError, match="not a database"):
        Registry(sqlite_url(path))
    assert path.read_text() == "something else\n" * 100


@pytest.mark.parametrize(
    "url",
    [
        "",
        "registry.db",
        "sqlite://",
        "sqlite:///:memory:",
        "mysql://root:hunter2@h/d",
        "a:hunter2@b",
        "postgresql://h:hunter2/d",
    ],
)
def test_other_databases_are_refused_without_showing_a_password(url: str) -> None:
    with pytest.raises(UnusableRegistryError) as caught:
        Registry(url)
    assert "hunter2" not in caught.value.message + caught.value.hint


def test_a_place_that_can_not_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(RegistryError, match=r"file.*can't be opened"):
        Registry(sqlite_url(tmp_path / "file" / "registry.db"))


def test_a_server_that_is_not_there_is_told_without_the_password() -> None:
    with pytest.raises(RegistryError, match="can't be used") as caught:
        Registry(f"postgresql://g2c:hunter2@127.0.0.1:{free_port()}/g2c?password=hunter2")
    assert "hunter2" not in caught.value.message
    assert "\n" not in caught.value.message
    assert caught.value.exit_code == EXIT_FAILURE


def test_a_server_that_was_away_is_used_again() -> None:
    with Postgres() as server:
        registry = Registry(f"postgresql://postgres@127.0.0.1:{server.port}/postgres")
        made = enter(registry, make_invite(registry), "one")
        server.stop()
        with pytest.raises(RegistryError, match="can't be used"):
            registry.registrations()
        with pytest.raises(RegistryError, match="can't be used"):
            make_invite(registry)
        server.start()
        assert registry.registrations() == (made,)
        registry.close()


def test_a_server_that_hangs_behind_one_that_lets_everybody_in_is_told(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As a pooler does: neither an old connection nor a new one gives an answer."""
    monkeypatch.setattr("ground2cloud.registry.patience.PING", 0.3)
    with Postgres() as server, Pooler(server.port) as pooler:
        url = f"postgresql://postgres@127.0.0.1:{pooler.port}/postgres"
        pooler.hangs.set()
        with pytest.raises(RegistryError, match="can't be used"):
            Registry(url)
        pooler.hangs.clear()
        with closing(Registry(url)) as registry:
            made = enter(registry, make_invite(registry), "one")
            pooler.hangs.set()
            for _ in range(2):
                with pytest.raises(RegistryError, match="can't be used"):
                    registry.registrations()
            pooler.hangs.clear()
            assert registry.registrations() == (made,)


def test_a_driver_that_can_not_be_used_is_told() -> None:
    code = f"""if True:
        from ground2cloud.registry.errors import UnusableRegistryError
        from ground2cloud.registry.store import Registry
        try:
            Registry("postgresql://g2c@127.0.0.1:{free_port()}/g2c")
        except UnusableRegistryError as error:
            print(error.hint)
        """
    without = os.environ | {"PSYCOPG_IMPL": "none"}  # as where there is no libpq
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=without
    )
    assert "psycopg[binary]" in done.stdout


def test_a_database_in_which_nothing_may_be_made_is_told(tmp_path: Path) -> None:
    del tmp_path
    with Postgres() as server:
        server.query("CREATE ROLE guest LOGIN")
        with pytest.raises(UnusableRegistryError, match="permission denied"):
            Registry(f"postgresql://guest@127.0.0.1:{server.port}/postgres")


def test_several_that_open_an_empty_database_at_once_all_can(url: str) -> None:
    code = f"from ground2cloud.registry.store import Registry; Registry({url!r}).close()"
    processes = [subprocess.Popen([sys.executable, "-c", code]) for _ in range(4)]
    assert [process.wait() for process in processes] == [0, 0, 0, 0]
    Registry(url).close()


def test_threads_may_use_one_registry(registry: Registry) -> None:
    with ThreadPoolExecutor(6) as threads:
        made = list(
            threads.map(
                lambda number: enter(registry, make_invite(registry), f"agent-{number}"), range(30)
            )
        )
    assert sorted(made, key=lambda one: one.id) == list(registry.registrations())
    assert [one.id for one in registry.registrations()] == list(range(1001, 1031))


def test_a_writer_that_died_in_the_middle_leaves_no_lock(tmp_path: Path) -> None:
    url = sqlite_url(tmp_path / "registry.db")
    registry = Registry(url)
    code = (
        "import os; from ground2cloud.registry.database import Database\n"
        f"with Database({url!r}).changing(): os.kill(os.getpid(), 9)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == -9
    assert registry.changes() == 0
    make_invite(registry)
    registry.close()


def test_a_writer_that_does_not_end_is_told_after_a_while(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ground2cloud.registry.database.BUSY", 0.2)
    path = tmp_path / "registry.db"
    registry = Registry(sqlite_url(path))
    token = make_invite(registry)
    with closing(sqlite3.connect(path)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(RegistryError, match="database is locked"):
            enter(registry, token, "one")
        assert registry.registrations() == ()
        other.rollback()
    assert enter(registry, token, "one").id == 1001
    registry.close()


def test_a_disk_without_room_refuses_and_keeps_what_there_is(tmp_path: Path) -> None:
    """The limit of a file's size stands for the disk's end."""
    url = sqlite_url(tmp_path / "registry.db")
    registry = Registry(url)
    made = enter(registry, make_invite(registry), "one")
    code = f"""if True:
        import resource
        from ground2cloud.registry.errors import RegistryError
        from ground2cloud.registry.store import Registry
        from tests.lab.registering import enter, make_invite
        registry = Registry({url!r})
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
        for number in range(1000):
            try:
                enter(registry, make_invite(registry), f"agent-{{number}}")
            except RegistryError as error:
                print(error.message)
                break
        """
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "can't be used" in done.stdout
    assert registry.registrations()[0] == made
    last = registry.registrations()[-1].id
    assert enter(registry, make_invite(registry), "two").id == last + 1
    registry.close()


def test_nothing_is_left_on_a_server_that_a_pooler_lends_by_transactions(
    databases: Databases,
) -> None:
    """What one transaction has prepared, the connection of the next one may not know."""
    with closing(Registry(databases.postgresql())) as registry:
        for _ in range(20):
            registry.changes()
        with registry._database.reading() as connection:
            asked = connection.exec_driver_sql("SELECT name, statement FROM pg_prepared_statements")
            assert asked.all() == []


@pytest.mark.parametrize("level", ["repeatable read", "serializable"])
def test_changes_wait_for_each_other_on_a_server_whose_default_would_refuse_them(
    databases: Databases, level: str
) -> None:
    """What is read after the counter is what is written on, whatever the server was told."""
    setting = f"%20-cdefault_transaction_isolation={level}".replace(" ", "%5C%20")
    url = databases.postgresql() + setting
    with closing(Registry(url)) as registry, closing(Registry(url)) as other:
        tokens = [make_invite(registry) for _ in range(30)]
        with ThreadPoolExecutor(6) as threads:
            made = threads.map(
                lambda number: (
                    enter(other if number % 2 else registry, tokens[number], f"agent-{number}").id
                ),
                range(30),
            )
            assert sorted(made) == list(range(1001, 1031))
