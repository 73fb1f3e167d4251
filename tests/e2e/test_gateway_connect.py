"""`ground2cloud connect`: drivers that speak no CONNECT reach databases through the router."""

import contextlib
import socket
import subprocess
from pathlib import Path

import pytest

from ground2cloud.config.model import Kind
from tests.lab.connecting import led
from tests.lab.gateway import PROGRAM, GatewayLab, LabAgent
from tests.lab.mariadb import MariaDb
from tests.lab.postgres import Postgres
from tests.lab.waiting import wait_until

SERVICES = (("postgres", Kind.POSTGRESQL), ("mysql", Kind.MYSQL))


@pytest.fixture(scope="module")
def agent(gateway: GatewayLab) -> LabAgent:
    """A registered agent of two databases, without a lane."""
    return gateway.register(*SERVICES)


@pytest.fixture(scope="module")
def key(gateway: GatewayLab, agent: LabAgent) -> str:
    """An element key for both."""
    return gateway.do("element", "add", "drivers", "--grant", str(agent.id))


def test_psql_and_the_client_of_mysql_work_through_the_router(
    gateway: GatewayLab, agent: LabAgent, key: str, postgres: Postgres, mariadb: MariaDb
) -> None:
    with agent.lane({"postgres": postgres.port, "mysql": mariadb.port}):
        wait_until(lambda: gateway.agent(agent.id).state == "active", what="active")
        with led(gateway, f"{agent.id}/postgres", key) as way:
            many = "select count(*), sum(length(repeat('x', 1000))) from generate_series(1, 5000)"
            assert postgres.query(many, port=way.port).split() == ["5000", "5000000"]
            long = postgres.query("select repeat('y', 3000000)", port=way.port).strip()
            assert len(long) == 3_000_000
        with led(gateway, f"{agent.id}/mysql", key, named=False) as way:
            assert mariadb.query("select 6 * 7", port=way.port).strip() == "42"


def test_without_a_right_key_the_driver_sees_an_error(
    gateway: GatewayLab, agent: LabAgent, postgres: Postgres
) -> None:
    with (
        agent.lane({"postgres": postgres.port}),
        led(gateway, f"{agent.id}/postgres", "w" * 43) as way,
        socket.create_connection(("127.0.0.1", way.port), timeout=10) as driver,
        pytest.raises(ConnectionResetError),
    ):
        driver.recv(1)


def test_a_revoked_element_loses_the_connections_it_has(
    gateway: GatewayLab, agent: LabAgent, postgres: Postgres
) -> None:
    mine = gateway.do("element", "add", "leaving", "--grant", f"{agent.id}/postgres")
    with (
        agent.lane({"postgres": postgres.port}),
        led(gateway, f"{agent.id}/postgres", mine) as way,
    ):
        wait_until(lambda: postgres.query("select 1", port=way.port), what="a query")
        with socket.create_connection(("127.0.0.1", way.port), timeout=10) as driver:
            driver.sendall(b"\x00\x00\x00\x08\x04\xd2\x16\x2f")  # asks for TLS, and waits
            assert driver.recv(1) == b"N"
            gateway.do("element", "revoke", "leaving")
            driver.settimeout(20)  # PostgreSQL itself hangs up after 60 s
            with contextlib.suppress(ConnectionResetError):
                assert driver.recv(1) == b""


def test_the_key_is_never_taken_from_an_argument(tmp_path: Path) -> None:
    told = subprocess.run(
        [*PROGRAM, "connect", "1001/postgres", "--gateway", "http://127.0.0.1"],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
        cwd=tmp_path,
    )
    assert told.returncode == 1
    assert "--key-file or --key-env" in told.stderr
