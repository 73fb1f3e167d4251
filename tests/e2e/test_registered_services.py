"""What the gateway knows of a registered agent's services is what its file says, in its order."""

import asyncio
import os

from msgspec.structs import replace

from ground2cloud.config.load import load_agent
from ground2cloud.config.locations import locate
from ground2cloud.roles.doctor.registration import look_at_backchannel
from ground2cloud.roles.registration.store import Store
from tests.e2e.registered import Make, gateway, make, register
from tests.lab.editing import edit
from tests.lab.small_gateway import SmallGateway
from tests.lab.waiting import wait_until

__all__ = ["gateway", "make"]


def offered(gateway: SmallGateway) -> list[str]:
    return [each.name for each in gateway.members[1001].offered]


def test_another_order_is_told(make: Make, gateway: SmallGateway) -> None:
    """The first service is the one that a bare number leads to."""
    agent = make("first", "second")
    register(agent, gateway)
    agent.start()
    agent.wait_ready()
    (ssh,) = agent.ssh_pids()
    edit(agent.config, lambda tables: tables["service"].reverse())
    wait_until(lambda: offered(gateway) == ["second", "first"], what="the new order")
    assert agent.ssh_pids() == [ssh]
    agent.stop()


def test_a_gateway_that_comes_back_as_it_was_before_is_told_again(
    make: Make, gateway: SmallGateway
) -> None:
    """From a backup of its registry."""
    agent = make("first", "second")
    register(agent, gateway)
    agent.start()
    agent.wait_ready()
    gateway.stop()
    member = gateway.members[1001]
    member.offered = member.offered[:1]
    wait_until(lambda: "no use of the backchannel" in agent.log_text(), what="it is missed")
    gateway.start()
    wait_until(lambda: offered(gateway) == ["first", "second"], timeout=40, what="both again")
    agent.stop()


def test_the_doctor_withdraws_nothing_that_was_added_meanwhile(
    make: Make, gateway: SmallGateway
) -> None:
    agent = make("first", "second")
    register(agent, gateway)
    places = locate(load_agent(agent.config), agent.config, os.environ)
    identity = Store(places.state).read()
    assert identity is not None
    before = replace(identity, service=identity.service[:1])
    found = asyncio.run(look_at_backchannel(places, before))
    assert "knows this agent" in found.message
    assert offered(gateway) == ["first", "second"]
