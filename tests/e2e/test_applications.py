"""Checks against the real servers: they answer, and the servers don't mind being asked."""

import os
import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from ground2cloud.applications.postgresql import SSL_REQUEST
from ground2cloud.applications.probe import Answer, probe
from ground2cloud.config.model import Kind
from tests.lab.database import run_client
from tests.lab.httpapp import HttpApp
from tests.lab.mariadb import MariaDb
from tests.lab.places import make_short_directory
from tests.lab.postgres import Postgres
from tests.lab.relay import Relay
from tests.lab.sshd import ThrowawaySshd
from tests.lab.waiting import eventually, wait_until

MANY = 20
"""Checks in a row: far more than the connection errors that these servers forgive."""

HOSTS = "127.0.0.1 localhost\n127.0.0.2 client.lab\n"

PRIVATE_HOSTS = 'mount --bind "$0" /etc/hosts && exec "$@"'


async def check(kind: Kind, port: int) -> Answer:
    return await probe(kind, "127.0.0.1", port, timeout=10)


# HTTP and others ------------------------------------------------------------------------------


async def test_an_http_application_gets_one_request_for_a_check(http_app: HttpApp) -> None:
    answer = await check(Kind.HTTP, http_app.port)
    assert (answer.ok, answer.detail) == (True, "HTTP 200 OK")
    assert http_app.requests == 1
    await eventually(lambda: http_app.connections == 0, what="the connection ended")


async def test_a_stopped_application_is_refused(http_app: HttpApp) -> None:
    http_app.stop()
    answer = await check(Kind.HTTP, http_app.port)
    assert (answer.ok, answer.detail) == (False, "connection refused")


async def test_a_server_of_another_kind_is_no_answer(sshd: ThrowawaySshd) -> None:
    answer = await check(Kind.HTTP, sshd.port)
    assert not answer.ok
    assert answer.detail.startswith("does not speak HTTP, it said: SSH-2.0-OpenSSH")
    assert (await check(Kind.TCP, sshd.port)).ok


# PostgreSQL -----------------------------------------------------------------------------------


@pytest.fixture
def postgres_with_tls(postgres: Postgres) -> Iterator[Postgres]:
    make_certificate(postgres, "server")
    switch_tls(postgres, "on")
    yield postgres
    switch_tls(postgres, "off")


def switch_tls(server: Postgres, state: str) -> None:
    server.query(f"ALTER SYSTEM SET ssl = {state}")
    server.query("SELECT pg_reload_conf()")
    wait_until(lambda: server.query("SHOW ssl").strip() == state, what=f"TLS {state}")


async def test_postgresql_answers_and_logs_nothing(postgres: Postgres) -> None:
    before = postgres.log
    for _ in range(3):
        answer = await check(Kind.POSTGRESQL, postgres.port)
        assert (answer.ok, answer.detail) == (True, "PostgreSQL answers, without TLS")
    assert postgres.query("SELECT 1") == "1\n"
    assert postgres.log == before


async def test_postgresql_with_tls_answers_and_logs_nothing(postgres_with_tls: Postgres) -> None:
    before = postgres_with_tls.log
    for _ in range(3):
        answer = await check(Kind.POSTGRESQL, postgres_with_tls.port)
        assert (answer.ok, answer.detail) == (True, "PostgreSQL answers, with TLS")
    assert postgres_with_tls.query("SELECT 1") == "1\n"
    assert postgres_with_tls.log == before


async def test_the_log_of_postgresql_would_show_a_rude_check(postgres_with_tls: Postgres) -> None:
    """The counter-example: who asks for TLS and goes leaves a line."""
    before = postgres_with_tls.log
    with socket.create_connection((postgres_with_tls.host, postgres_with_tls.port)) as rude:
        rude.sendall(SSL_REQUEST)
        assert rude.recv(1) == b"S"
    await eventually(lambda: postgres_with_tls.log != before, what="a line in the log")


# MySQL ----------------------------------------------------------------------------------------


class StrictMariaDb(MariaDb):
    """A MariaDB that blocks a host after three failed handshakes, and has a certificate.

    It counts only hosts whose address it can look up; 127.0.0.2 stands in an /etc/hosts that only
    this server sees. Where that isn't allowed (not root), the system's resolver must know the
    address, or know that it has no name.
    """

    def __init__(self) -> None:
        super().__init__(
            "--max-connect-errors=3",
            "--performance-schema=ON",
            "--innodb-buffer-pool-load-at-startup=OFF",  # its end is told in the log at any time
        )
        self._options += tuple(
            f"--ssl-{word}={self.directory}/data/server.{ending}"
            for word, ending in (("cert", "crt"), ("key", "key"))
        )
        self._lobby = make_short_directory()
        self._lobby.chmod(0o755)
        (self._lobby / "hosts").write_text(HOSTS)

    def prepare(self) -> None:
        super().prepare()
        make_certificate(self, "server")

    def command(self) -> list[str]:
        private = ["unshare", "--mount", "sh", "-c", PRIVATE_HOSTS, str(self._lobby / "hosts")]
        allowed = (
            os.geteuid() == 0 and not subprocess.run([*private, "true"], check=False).returncode
        )
        return [*(private if allowed else []), *super().command()]

    def close(self) -> None:
        super().close()
        shutil.rmtree(self._lobby)

    def errors(self) -> dict[str, int]:
        """Return the errors of 127.0.0.2 as the server counts them; 0 for all if it is unknown."""
        row = self.query(
            "SELECT sum_connect_errors, count_handshake_errors, count_authentication_errors"
            " FROM performance_schema.host_cache"
        )
        names = ("connect", "handshake", "authentication")
        return dict(zip(names, map(int, row.split() or "000"), strict=True))

    def counter(self, name: str) -> int:
        """Return a figure of SHOW GLOBAL STATUS."""
        return int(self.query(f"SHOW GLOBAL STATUS LIKE '{name}'").split()[1])


def make_certificate(server: Postgres | MariaDb, name: str) -> None:
    path = f"{server.directory}/data/{name}"
    request = (
        "openssl",
        "req",
        "-x509",
        "-newkey",
        "ec",
        "-nodes",
        "-pkeyopt",
        "ec_paramgen_curve:prime256v1",
        "-subj",
        "/CN=lab",
    )
    server.run_as_user(*request, "-keyout", f"{path}.key", "-out", f"{path}.crt")


@pytest.fixture(scope="module")
def strict_mariadb() -> Iterator[StrictMariaDb]:
    with StrictMariaDb() as running:
        running.query("CREATE USER root@'127.0.0.2', root@client.lab")
        yield running


@pytest.fixture
def strict(strict_mariadb: StrictMariaDb) -> Iterator[StrictMariaDb]:
    """The same server for all tests, without memory of the one before."""
    alone = "only this client connected: whoever is broken off is counted and logged by then"
    wait_until(lambda: strict_mariadb.counter("Threads_connected") == 1, what=alone)
    strict_mariadb.query("FLUSH HOSTS; FLUSH STATUS")
    yield strict_mariadb
    strict_mariadb.query("DROP USER IF EXISTS ground2cloud_check")


@pytest.fixture
def relay(strict: StrictMariaDb) -> Iterator[Relay]:
    """The way to the server as a client that it may block."""
    with Relay(strict.port) as running:
        yield running


async def test_checks_don_t_get_the_host_blocked(strict: StrictMariaDb, relay: Relay) -> None:
    for _ in range(MANY):
        answer = await check(Kind.MYSQL, relay.port)
        assert answer.ok
        assert answer.detail.startswith("version ")
    assert strict.errors() == {"connect": 0, "handshake": 0, "authentication": 0}
    assert strict.counter("Aborted_connects_preauth") == 0
    assert strict.query("SELECT 42", port=relay.port) == "42\n"


async def test_connections_without_a_login_do(strict: StrictMariaDb, relay: Relay) -> None:
    """The counter-example that makes the test above worth something."""
    for _ in range(4):
        assert (await check(Kind.TCP, relay.port)).ok
    await eventually(lambda: strict.errors()["connect"] >= 3, what="errors counted")
    with pytest.raises(ConnectionError, match="is blocked because of many connection errors"):
        strict.query("SELECT 42", port=relay.port)


async def test_a_blocked_host_is_told_in_the_server_s_words(
    strict: StrictMariaDb, relay: Relay
) -> None:
    for _ in range(4):
        await check(Kind.TCP, relay.port)
    await eventually(lambda: strict.errors()["connect"] >= 3, what="errors counted")
    answer = await check(Kind.MYSQL, relay.port)
    assert not answer.ok
    assert answer.detail.startswith("refuses: Host '")
    assert "is blocked because of many connection errors" in answer.detail


@pytest.mark.parametrize("method", ["mysql_native_password", "ed25519", "unix_socket"])
async def test_no_method_of_authentication_makes_a_failed_handshake(
    strict: StrictMariaDb, relay: Relay, method: str
) -> None:
    """The server picks the method of any account for a user that it doesn't know."""
    if method == "ed25519":
        strict.query("INSTALL PLUGIN IF NOT EXISTS ed25519 SONAME 'auth_ed25519'")
    password = " USING PASSWORD('x')" if method in {"ed25519", "mysql_native_password"} else ""
    strict.query(f"CREATE USER ground2cloud_check IDENTIFIED VIA {method}{password}")
    for _ in range(5):
        assert (await check(Kind.MYSQL, relay.port)).ok
    assert strict.errors()["connect"] == 0


async def test_a_server_that_wants_tls_is_no_exception(strict: StrictMariaDb, relay: Relay) -> None:
    strict.query("SET GLOBAL require_secure_transport = ON")
    try:
        for _ in range(5):
            assert (await check(Kind.MYSQL, relay.port)).ok
    finally:
        local = ["mariadb", "--no-defaults", f"--socket={strict.directory}/socket", "--user=root"]
        run_client([*local, "--execute=SET GLOBAL require_secure_transport = OFF"], 10)
    assert strict.errors()["connect"] == 0


async def test_an_account_for_the_check_keeps_the_log_quiet(strict: StrictMariaDb) -> None:
    strict.query("CREATE USER ground2cloud_check")
    before = strict.log
    for _ in range(3):
        assert (await check(Kind.MYSQL, strict.port)).ok
    await eventually(lambda: strict.counter("Threads_connected") == 1, what="the sessions ended")
    assert strict.counter("Aborted_connects") == 0
    assert strict.counter("Aborted_clients") == 0
    assert strict.log == before


async def test_a_full_server_is_told_in_its_own_words(strict: StrictMariaDb) -> None:
    limit = strict.query("SELECT @@max_connections")
    strict.query("SET GLOBAL max_connections = 10")
    try:
        with ExitStack() as idle:
            for _ in range(11):  # one more is kept free for an administrator
                idle.enter_context(socket.create_connection((strict.host, strict.port)))
            answer = await check(Kind.MYSQL, strict.port)
    finally:
        again = f"SET GLOBAL max_connections = {limit}; SELECT 1"
        await eventually(lambda: strict.query(again), what="a free connection")
    assert (answer.ok, answer.detail) == (False, "refuses: Too many connections (1040)")


async def test_a_stopped_database_is_refused_and_comes_back(strict: StrictMariaDb) -> None:
    strict.stop()
    answer = await check(Kind.MYSQL, strict.port)
    strict.start()
    assert (answer.ok, answer.detail) == (False, "connection refused")
    assert (await check(Kind.MYSQL, strict.port)).ok
