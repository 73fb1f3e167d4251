"""The whole picture: a gateway, an agent that joins it by one line, a caller with a key."""

import tomllib
from collections.abc import Iterator

import pytest
import tomli_w

from ground2cloud.config.model import Kind
from tests.lab.agent import Agent
from tests.lab.gateway import GatewayLab, Response
from tests.lab.httpapp import HttpApp
from tests.lab.joined import Application, number_of, unregistered
from tests.lab.places import short_directory
from tests.lab.waiting import wait_until


@pytest.fixture
def agent(http_app: HttpApp) -> Iterator[Agent]:
    """An agent, not registered and not started, that offers `http_app` as `web`."""
    with short_directory() as directory:
        offered = unregistered(directory, {"web": Application(Kind.HTTP, http_app.port)})
        yield offered
        offered.kill()


def ask(gateway: GatewayLab, route: str, key: str) -> Response:
    return gateway.request(Ground2Cloud_Route=route, Ground2Cloud_Key=key)


def reached(gateway: GatewayLab, route: str, key: str) -> None:
    wait_until(lambda: ask(gateway, route, key).status == 200, timeout=25, what=f"{route} reached")


def join(gateway: GatewayLab, agent: Agent) -> int:
    """Register the agent; answer its number."""
    done = agent.cli("register", gateway.do("invite", "--name", "office"))
    assert done.returncode == 0, done.stderr
    return number_of(agent)


def test_two_commands_join_a_private_application_to_the_cloud(
    gateway: GatewayLab, agent: Agent
) -> None:
    number = join(gateway, agent)
    key = gateway.do("element", "add", "caller", "--grant", str(number))
    agent.start()
    reached(gateway, f"{number}/web", key)
    agent.wait_ready()
    view = gateway.agent(number)
    assert (view.name, view.state) == ("office", "active")
    wait_until(
        lambda: gateway.agent(number).services[0].lights.application.state == "up",
        timeout=40,
        what="the agent's word of its application",
    )

    # A service more in agent.toml is all it takes.
    tables = tomllib.loads(agent.config.read_text())
    tables["service"].append({**tables["service"][0], "name": "shop"})
    agent.config.write_text(tomli_w.dumps(tables))
    reached(gateway, f"{number}/shop", key)


def test_an_agent_has_a_new_key_and_is_revoked(gateway: GatewayLab, agent: Agent) -> None:
    number = join(gateway, agent)
    key = gateway.do("element", "add", "rotating", "--grant", str(number))
    agent.start()
    reached(gateway, f"{number}/web", key)
    rotated = agent.cli("rotate-key")
    assert rotated.returncode == 0, rotated.stderr
    wait_until(lambda: not gateway.agent(number).rotating, timeout=25, what="the new key proven")
    reached(gateway, f"{number}/web", key)
    # Written when the lane of the old key has ended.
    wait_until(lambda: '"act":"key-proven"' in gateway.audit(), what="it is in the audit log")

    gateway.do("revoke", str(number))
    wait_until(lambda: not gateway.agent(number).lanes, what="its lanes ended")
    assert ask(gateway, f"{number}/web", key).status == 404


def test_an_agent_comes_back_to_a_gateway_that_was_restarted(
    gateway: GatewayLab, agent: Agent
) -> None:
    number = join(gateway, agent)
    key = gateway.do("element", "add", "restarted", "--grant", str(number))
    agent.start()
    reached(gateway, f"{number}/web", key)
    gateway.stop()
    gateway.start()
    gateway.wait_ready()
    reached(gateway, f"{number}/web", key)
    gone = agent.cli("unregister")
    assert gone.returncode == 0, gone.stderr
    wait_until(lambda: ask(gateway, f"{number}/web", key).status == 404, what="unregistered")
