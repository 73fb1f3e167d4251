"""A machine that has nothing yet: one command, which may be given again when it came to nothing."""

from pathlib import Path

import pytest

from tests.e2e.registered import gateway
from tests.lab.agent import Agent
from tests.lab.httpapp import HttpApp
from tests.lab.small_gateway import SmallGateway

__all__ = ["gateway"]


@pytest.fixture
def agent(short_dir: Path) -> Agent:
    """Without a file."""
    home = {"HOME": str(short_dir), "XDG_STATE_HOME": str(short_dir / "s")}
    (short_dir / "new").mkdir()
    return Agent(short_dir / "new" / "agent.toml", home)


@pytest.fixture
def service(http_app: HttpApp) -> str:
    return f"app=http:127.0.0.1:{http_app.port}"


def test_it_registers_with_its_service(agent: Agent, gateway: SmallGateway, service: str) -> None:
    done = agent.cli("register", gateway.invite(), "--service", service)
    assert done.returncode == 0, done.stderr
    assert "app: port " in done.stdout
    assert agent.cli("check").returncode == 0


def test_the_same_command_goes_on_after_a_failure(
    agent: Agent, gateway: SmallGateway, service: str
) -> None:
    join = gateway.invite()
    gateway.stop()
    failed = agent.cli("register", join, "--service", service)
    assert failed.returncode == 1
    assert "Connection refused" in failed.stderr
    assert f"firewalls must let this machine reach its port {gateway.port}" in failed.stderr
    gateway.start()
    done = agent.cli("register", join, "--service", service)
    assert done.returncode == 0, done.stderr
    assert list(gateway.members) == [1001]
    other = agent.cli("register", join, "--service", service, "--service", "db=tcp:1")
    assert other.returncode == 1
    assert "is there already" in other.stderr


def test_a_command_that_was_corrected_finds_nothing_of_the_one_before(
    agent: Agent, gateway: SmallGateway, service: str
) -> None:
    join = gateway.invite()
    gateway.joins.clear()
    refused = agent.cli("register", join, "--service", "db=tcp:1")
    assert refused.returncode == 1
    assert "no such join token" in refused.stderr
    assert not agent.config.exists()
    done = agent.cli("register", gateway.invite(), "--service", service)
    assert done.returncode == 0, done.stderr
    assert list(gateway.members[1001].ports) == ["app"]


def test_who_names_no_service_is_told_how(agent: Agent, gateway: SmallGateway) -> None:
    told = agent.cli("register", gateway.invite())
    assert told.returncode == 1
    assert "no service to write into it" in told.stderr
    assert "--service NAME=KIND:HOST:PORT" in told.stderr
    wrong = agent.cli("register", gateway.invite(), "--service", "app=htp:1")
    assert wrong.returncode == 78
    assert wrong.stderr.startswith("ground2cloud: --service: service[0].kind")


def test_who_can_not_reach_the_gateway_is_told_how_to_leave_it(
    agent: Agent, gateway: SmallGateway, service: str
) -> None:
    assert agent.cli("register", gateway.invite(), "--service", service).returncode == 0
    gateway.stop()
    failed = agent.cli("unregister")
    assert failed.returncode == 1
    assert "--force" in failed.stderr
    assert agent.cli("unregister", "--force").returncode == 0
