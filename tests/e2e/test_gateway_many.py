"""Many agents join one gateway: a kill meanwhile leaves none of them half."""

import contextlib
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from ground2cloud.backchannel.errors import NotUnderstoodError, UnreachableError
from ground2cloud.config.model import Kind
from tests.lab.crowd import SERVICE, tunnels
from tests.lab.gateway import GatewayLab, LabAgent
from tests.lab.httpapp import HttpApp
from tests.lab.waiting import wait_until

JOINING = 100


def reached(gateway: GatewayLab, agent: LabAgent, key: str) -> bool:
    route = f"{agent.id}/{SERVICE}"
    return gateway.request(Ground2Cloud_Route=route, Ground2Cloud_Key=key).status == 200


@pytest.mark.timeout(180)
def test_a_kill_among_a_hundred_registrations_leaves_each_whole_or_refused(
    short_dir: Path, http_app: HttpApp
) -> None:
    """Killed with -9 when some are answered; who got no answer asks again in the same words."""
    with GatewayLab(short_dir, tunnels=tunnels(2 * JOINING)) as gateway:
        joins = gateway.joins(JOINING)
        answered = threading.Semaphore(0)

        def join(text: str) -> LabAgent:
            agent = LabAgent(gateway, text, ((SERVICE, Kind.HTTP),), register=False)
            # An answer that the kill cuts off in its body is one that makes no sense.
            with contextlib.suppress(UnreachableError, NotUnderstoodError):
                agent.join_gateway()
                answered.release()
            return agent

        with ThreadPoolExecutor(8) as pool:
            futures = [pool.submit(join, text) for text in joins]
            for _ in range(JOINING // 3):
                answered.acquire()
            gateway.crash()
            agents = [future.result() for future in futures]
        known = {agent.id for agent in agents if agent.is_registered}
        assert len(known) >= JOINING // 3
        assert len(known) < JOINING
        gateway.start()
        gateway.wait_ready()
        found = {view.id: view for view in gateway.agents()}
        assert known <= found.keys(), "what was answered is there"
        for view in found.values():
            assert [service.name for service in view.services] == [SERVICE], "none is half"
        for agent in agents:
            before = agent.is_registered and agent.id
            agent.join_gateway()
            assert before in {False, agent.id}
        everyone = gateway.agents()
        assert sorted(view.id for view in everyone) == list(range(1001, 1001 + JOINING))
        ports = [service.port for view in everyone for service in view.services]
        assert len(set(ports)) == JOINING
        key = gateway.element(*(agent.id for agent in agents))
        for agent in (agents[0], agents[JOINING // 2], agents[-1]):
            with agent.lane({SERVICE: http_app.port}):
                wait_until(lambda: reached(gateway, agent, key), what=f"{agent.id} reached")  # noqa: B023 - at once
