"""Databases through a whole gateway: their own clients, led by `ground2cloud connect`."""

import contextlib
import re
import socket
from collections.abc import Callable, Iterator
from http.client import HTTPConnection

import pytest

from ground2cloud.applications.sqlserver import prelogin
from ground2cloud.config.model import Kind
from tests.lab.connecting import Way
from tests.lab.joined import Application, Joined, joined
from tests.lab.listener import standing
from tests.lab.mariadb import MariaDb
from tests.lab.postgres import Postgres
from tests.lab.processes import ended
from tests.lab.tds import HEADER, SQL_SERVER_2022, read_options, sql_server
from tests.lab.waiting import wait_until

# The fixtures have deadlines of their own.
pytestmark = pytest.mark.timeout(120, func_only=True)

MINUTE = 60

CONNECTED = "select count(*) from pg_stat_activity where application_name = 'pgbench'"

AT_WORK = f"{CONNECTED} and query <> ''"
"""Who has only connected may not have heard of it yet, and then says something else of the end."""

SERVICES = ("postgres", "mysql", "sqlserver")


@pytest.fixture(scope="module")
def scene(postgres: Postgres, mariadb: MariaDb) -> Iterator[Joined]:
    """A gateway, and an agent with a database of each kind."""
    with (
        standing(sql_server) as tds,
        joined(
            {
                "postgres": Application(Kind.POSTGRESQL, postgres.port),
                "mysql": Application(Kind.MYSQL, mariadb.port),
                "sqlserver": Application(Kind.SQLSERVER, tds),
            }
        ) as running,
    ):
        yield running


@pytest.fixture(scope="module")
def pgbench(scene: Joined, postgres: Postgres) -> Iterator[Way]:
    """A way to PostgreSQL, through which the tables of pgbench were made."""
    with scene.led("postgres", scene.key_to_all) as way:
        ended(postgres.bench("--initialize", "--quiet", port=way.port))
        assert postgres.query("select count(*) from pgbench_accounts").strip() == "100000"
        yield way
        ended(postgres.bench("--initialize", "--init-steps=d"))


@pytest.mark.timeout(2 * MINUTE, func_only=True)
def test_pgbench_for_a_minute_without_a_failed_transaction(
    pgbench: Way, postgres: Postgres
) -> None:
    options = (f"--time={MINUTE}", "--client=4", "--jobs=2")
    out, _ = ended(postgres.bench(*options, port=pgbench.port))
    assert "number of failed transactions: 0 (0.000%)" in out, out
    count = re.search(r"transactions actually processed: (\d+)", out)
    assert count is not None, out
    assert int(count[1]) > MINUTE, out
    # What its clients were told is what happened.
    assert postgres.query("select count(*) from pgbench_history").strip() == count[1]
    assert pgbench.words() == ""


def test_pgbench_whose_lane_dies_hears_of_it_and_comes_again(
    scene: Joined, pgbench: Way, postgres: Postgres
) -> None:
    bench = postgres.bench(f"--time={MINUTE}", "--client=4", port=pgbench.port)
    wait_until(lambda: int(postgres.query(AT_WORK)) == 4, what="four clients at work")
    scene.cut()
    _, err = ended(bench, code=2)
    assert err.count("perhaps the backend died while processing") == 4, err
    # The server hears of it as well: nothing of theirs is left there.
    wait_until(lambda: int(postgres.query(CONNECTED)) == 0, what="the end at the server")
    wait_until(lambda: postgres.query("select 1", port=pgbench.port), timeout=30, what="a new lane")
    for _ in range(10):
        assert postgres.query("select 6 * 7", port=pgbench.port) == "42\n"
    told = "tunnel-down: The tunnel to this service is down at the moment. - "
    assert all(line.startswith(told) for line in pgbench.words().splitlines())


def test_psql_sends_and_receives_megabytes(scene: Joined, postgres: Postgres) -> None:
    with scene.led("postgres", scene.key("postgres")) as way:
        text = postgres.query("select repeat('ü', 5000000)", port=way.port)
        assert text == "ü" * 5_000_000 + "\n"
        rows = postgres.query("select generate_series(1, 100000)", port=way.port).split()
        assert rows == [str(number) for number in range(1, 100_001)]


def test_the_client_of_mariadb_sends_and_receives_megabytes(
    scene: Joined, mariadb: MariaDb
) -> None:
    with scene.led("mysql", scene.key("mysql")) as way:
        assert mariadb.query("select 6 * 7", port=way.port) == "42\n"
        assert mariadb.query("select repeat('x', 5000000)", port=way.port) == "x" * 5_000_000 + "\n"


def test_a_sql_server_answers_prelogin(scene: Joined) -> None:
    with scene.led("sqlserver", scene.key("sqlserver")) as way:
        head, reply = hello(way.port)
    assert (head[0], read_options(reply)) == (4, SQL_SERVER_2022)


def hello(port: int) -> tuple[bytes, bytes]:
    """Say PRELOGIN; return head and body of the answer."""
    with socket.create_connection(("127.0.0.1", port), timeout=20) as driver:
        driver.sendall(prelogin())
        head = driver.recv(HEADER.size, socket.MSG_WAITALL)
        length = HEADER.unpack(head)[2]
        return head, driver.recv(length - HEADER.size, socket.MSG_WAITALL)


@pytest.mark.parametrize("service", SERVICES)
def test_no_client_gets_in_without_the_key(
    scene: Joined, postgres: Postgres, mariadb: MariaDb, service: str
) -> None:
    """The driver sees a lost connection, and the command at its side says why."""
    clients: dict[str, Callable[[int], object]] = {
        "postgres": lambda port: postgres.query("select 1", port=port),
        "mysql": lambda port: mariadb.query("select 1", port=port),
        "sqlserver": hello,
    }
    with contextlib.closing(HTTPConnection("127.0.0.1", scene.gateway.http_port)) as caller:
        caller.request("CONNECT", f"{service}-{scene.id}:1")
        answer = caller.getresponse()
        assert (answer.status, answer.headers["Ground2Cloud-Error"]) == (401, "no-key")
    other = next(name for name in SERVICES if name != service)
    for key, words in (
        ("w" * 43, "wrong-key: This element key is not known; it may have been revoked. - "),
        (scene.key(other), "not-granted: This element key does not open this service. - "),
    ):
        with scene.led(service, key) as way:
            with pytest.raises(ConnectionError, match=r"closed|reset|Lost|Can't connect"):
                clients[service](way.port)
            said = way.words().splitlines()
            assert said
            assert all(line.startswith(words) for line in said)
