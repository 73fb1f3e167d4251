"""Fixtures that need a POSIX system: OpenSSH's server, the databases, the agent before them."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.lab.agent import Agent, service, write_config
from tests.lab.gateway import GatewayLab
from tests.lab.httpapp import HttpApp
from tests.lab.mariadb import MariaDb
from tests.lab.places import short_directory
from tests.lab.ports import free_port
from tests.lab.postgres import Postgres
from tests.lab.sshd import ThrowawaySshd


@pytest.fixture
def sshd() -> Iterator[ThrowawaySshd]:
    """A running sshd that lets in its own first client key."""
    with ThrowawaySshd() as running:
        yield running


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """A running PostgreSQL, the same for all tests of one worker: leave it as it was."""
    with Postgres() as running:
        yield running


@pytest.fixture(scope="session")
def mariadb() -> Iterator[MariaDb]:
    """A running MariaDB, the same for all tests of one worker: leave it as it was."""
    with MariaDb() as running:
        yield running


@pytest.fixture(scope="module")
def gateway() -> Iterator[GatewayLab]:
    """A running gateway, the same for all tests of a file: leave no lane behind."""
    with short_directory() as directory, GatewayLab(directory) as running:
        yield running


@pytest.fixture
def remote_port() -> int:
    """A free port for the gateway's end of a tunnel."""
    return free_port()


@pytest.fixture
def agent(
    short_dir: Path, sshd: ThrowawaySshd, http_app: HttpApp, remote_port: int
) -> Iterator[Agent]:
    """An agent, not yet started, that offers `http_app` at `remote_port` of `sshd`."""
    config = write_config(short_dir, sshd, [service(http_app.port, remote_port)])
    running = Agent(config)
    yield running
    running.kill()


@pytest.fixture
def make_agent(short_dir: Path, sshd: ThrowawaySshd) -> Iterator[Callable[..., Agent]]:
    """Make agents, not yet started: `make_agent(services, backoff={"initial": 0.1})`."""
    with ExitStack() as stack:

        def make(services: list[dict[str, Any]], **sections: dict[str, Any]) -> Agent:
            made = Agent(write_config(short_dir, sshd, services, **sections))
            stack.callback(made.kill)
            return made

        yield make
