"""A registered agent whose gateway has several endpoints: one leads nowhere, the next is tried."""

import os
import signal

import pytest

from tests.e2e.registered import Make, answers, gateway, make, port_of, register
from tests.lab.blocked import blocked
from tests.lab.small_gateway import SmallGateway
from tests.lab.sshd import ThrowawaySshd
from tests.lab.waiting import wait_until

__all__ = ["gateway", "make"]


@pytest.mark.parametrize("how", ["refused", "dropped", "without a word"])
def test_the_next_endpoint_is_tried_when_one_is_blocked(
    make: Make, gateway: SmallGateway, how: str
) -> None:
    with blocked(how) as port:
        gateway.endpoints = [("127.0.0.1", port), *gateway.endpoints]
        agent = make(ssh={"connect_timeout": 5})
        register(agent, gateway)
        agent.start()
        agent.wait_ready()
        assert "trying the gateway's next endpoint" in agent.log_text()
        os.kill(agent.ssh_pids()[0], signal.SIGKILL)
        wait_until(lambda: agent.status().lanes[0].restarts >= 1, what="a restart")
        agent.wait_ready()
        assert agent.log_text().count("next endpoint") == 1, "the one that worked is kept"
        agent.stop()


def test_a_stranger_at_one_endpoint_does_not_keep_the_agent_from_the_other(
    make: Make, gateway: SmallGateway
) -> None:
    """As where a network leads port 22 to an sshd of its own, and the gateway is started anew."""
    with ThrowawaySshd() as stranger:
        gateway.endpoints.append((stranger.host, stranger.port))
        agent = make(backoff={"maximum": 1.0})
        register(agent, gateway)
        agent.start()
        agent.wait_ready()
        gateway.sshd.stop()
        wait_until(lambda: "host key" in agent.log_text(), what="it tries the stranger")
        gateway.sshd.start()
        agent.wait_ready()
        assert answers(port_of(agent))
        agent.stop()
