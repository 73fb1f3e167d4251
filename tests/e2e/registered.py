"""Fixtures and words of the tests of registered agents, against `SmallGateway`."""

import tomllib
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import tomli_w

from tests.lab.agent import Agent
from tests.lab.command import run_here
from tests.lab.httpapp import HttpApp
from tests.lab.small_gateway import SLOTS, SmallGateway
from tests.lab.waiting import http_get


@pytest.fixture
def gateway() -> Iterator[SmallGateway]:
    with SmallGateway() as running:
        yield running


Make = Callable[..., Agent]

QUICK = {"server_alive_interval": 1, "server_alive_count_max": 1}
"""`[ssh]` of an agent whose lane is frozen on purpose: it is dead after two seconds of silence.

So it is on a busy machine, where nothing may depend on its staying up."""


@pytest.fixture
def make(short_dir: Path, http_app: HttpApp) -> Iterator[Make]:
    """Make an agent, not yet started, with these services (by default one), that has no gateway."""
    with ExitStack() as stack:

        def agent(*names: str, **sections: dict[str, Any]) -> Agent:
            tables: dict[str, Any] = {
                "service": [one(http_app, name) for name in names or ("app",)],
                "log": {"file": str(short_dir / "agent.log"), "level": "debug"},
                "paths": {"state": str(short_dir / "state"), "run": str(short_dir / "run")},
                "api": {"listen": "127.0.0.1:0"},
                **sections,
            }
            path = short_dir / "agent.toml"
            path.write_text(tomli_w.dumps(tables))
            made = Agent(path)
            stack.callback(made.kill)
            return made

        yield agent


def one(app: HttpApp, name: str) -> dict[str, Any]:
    return {"name": name, "kind": "http", "host": "127.0.0.1", "port": app.port}


class Ended(NamedTuple):
    """How a command ended, and what it wrote."""

    returncode: int
    stdout: str
    stderr: str


def cli(agent: Agent, *words: str) -> Ended:
    """Run a command in this process."""
    return Ended(*run_here(agent.config, *words))


def register(agent: Agent, gateway: SmallGateway, *options: str) -> str:
    done = cli(agent, "register", gateway.invite(), *options)
    assert done.returncode == 0, done.stderr
    return done.stdout


def identity(agent: Agent) -> dict[str, Any]:
    return tomllib.loads((agent.config.parent / "state" / "identity.toml").read_text())


def port_of(agent: Agent, name: str = "app") -> int:
    return next(each["port"] for each in identity(agent)["service"] if each["name"] == name)


def answers(port: int, host: str = SLOTS[0]) -> bool:
    return http_get(port, host=host).startswith("hello")
