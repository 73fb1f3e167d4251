"""The tables of older programs become those of this one, whole or not at all."""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import text

from ground2cloud.config.model import Kind
from ground2cloud.errors import EXIT_CONFIG
from ground2cloud.registry.errors import RefusedError, UnusableRegistryError
from ground2cloud.registry.migrating import LATEST
from ground2cloud.registry.migrations import KNOWN, VERSION_TABLE
from ground2cloud.registry.records import Grant, ServicePort
from ground2cloud.registry.store import Registry
from ground2cloud.registry.tables import METADATA
from ground2cloud.registry.tokens import digest
from tests.lab.migrating import connected, content, make_before_alembic
from tests.lab.registering import NOW, enter, make_invite, make_key


@pytest.fixture
def old(url: str) -> str:
    """The URL of a database that a program before alembic has written."""
    make_before_alembic(url)
    return url


def test_the_steps_are_those_that_the_program_knows_in_their_order() -> None:
    settings = Config()
    settings.set_main_option("script_location", "ground2cloud.registry:migrations")
    steps = [step.revision for step in ScriptDirectory.from_config(settings).walk_revisions()]
    assert tuple(reversed(steps)) == KNOWN
    assert tuple(sorted(KNOWN)) == KNOWN


@pytest.mark.parametrize("before", ["nothing", "the tables before alembic"])
def test_all_steps_together_lead_to_the_tables_of_the_program(url: str, before: str) -> None:
    if before != "nothing":
        make_before_alembic(url)
    Registry(url, upgrades=True).close()
    with connected(url) as connection:
        options = {"version_table": VERSION_TABLE, "compare_server_default": True}
        context = MigrationContext.configure(connection, opts=options)
        assert compare_metadata(context, METADATA) == []
        assert context.get_current_revision() == LATEST


def test_nothing_of_an_older_registry_is_lost(old: str) -> None:
    before = content(old)
    with closing(Registry(old, upgrades=True)) as registry:
        found = registry.by_token(digest("one"))
        assert (found.id, found.key, found.next_key) == (1001, make_key("one"), make_key("next"))
        assert found.services == (ServicePort("db", Kind.POSTGRESQL, 11081),)
        assert registry.registrations() == (found,)
        [shop] = registry.elements()
        assert (shop.grants, shop.networks) == ((Grant(1001, None),), ("10.0.0.0/8",))
        assert enter(registry, "invite", "three").id == 1003
        with pytest.raises(RefusedError, match="used already"):
            enter(registry, "invite", "four")
        back = enter(registry, make_invite(registry, 1002), "two", (("web", Kind.HTTP),))
        assert (back.id, back.services[0].port) == (1002, 11082)
    [element], [after] = before["g2c_element"], content(old)["g2c_element"]
    assert after.startswith(element.removesuffix(")")), "further columns come last"


def test_only_a_gateway_that_starts_changes_older_tables(old: str) -> None:
    before = content(old)
    with pytest.raises(UnusableRegistryError, match=f"0001.*needs {LATEST}") as caught:
        Registry(old)
    assert "gateway run" in caught.value.hint
    assert content(old) == before


@pytest.mark.parametrize("upgrades", [False, True])
def test_a_registry_of_a_newer_program_is_refused_and_left_alone(url: str, upgrades: bool) -> None:  # noqa: FBT001 - by pytest
    Registry(url).close()
    with connected(url) as connection:
        connection.execute(text("UPDATE g2c_version SET version_num = '9999'"))
    before = content(url)
    with pytest.raises(UnusableRegistryError, match=f"9999.*up to {LATEST}") as caught:
        Registry(url, upgrades=upgrades)
    assert caught.value.exit_code == EXIT_CONFIG
    assert "\n" not in caught.value.message
    assert content(url) == before


def test_a_program_before_alembic_refuses_what_alembic_made(old: str) -> None:
    Registry(old, upgrades=True).close()
    with connected(old) as connection:
        query = text("SELECT value FROM g2c_counter WHERE name = 'schema'")
        assert connection.execute(query).scalar_one() > 1


def killed(url: str) -> Iterator[tuple[int, dict[str, list[str]]]]:
    """Open a registry, killed one statement later each time; yield what it left then."""
    argv = [sys.executable, "-m", "tests.lab.migrating", url]
    done = subprocess.run(argv, capture_output=True, text=True, check=True)
    for line in done.stdout.splitlines():
        code, left = json.loads(line)
        yield code, left


@pytest.mark.parametrize("before", ["nothing", "the tables before alembic"])
def test_a_kill_in_the_middle_leaves_all_or_nothing(url: str, before: str) -> None:
    if before != "nothing":
        make_before_alembic(url)
    begun = content(url)
    *kills, (code, end) = killed(url)
    assert code == 0
    assert len(kills) > 8
    assert all(one == -9 for one, _ in kills)
    assert [left for _, left in kills] == [begun] * len(kills)
    assert end[VERSION_TABLE] == [f"('{LATEST}',)"]
    with closing(Registry(url)) as registry:
        assert enter(registry, make_invite(registry), "new").id == (
            1001 if before == "nothing" else 1003
        )


def test_several_that_bring_it_up_to_date_at_once_all_can(old: str) -> None:
    code = "from ground2cloud.registry.store import Registry; "
    code += f"Registry({old!r}, upgrades=True).close()"
    processes = [subprocess.Popen([sys.executable, "-c", code]) for _ in range(3)]
    assert [process.wait() for process in processes] == [0, 0, 0]
    with closing(Registry(old)) as registry:
        assert registry.registration(1001).created_at == NOW
