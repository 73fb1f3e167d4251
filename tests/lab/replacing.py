"""A lane that is lost without a word, and the one that takes its place as an agent's does."""

import time
from collections.abc import Callable

from tests.lab.crowd import SERVICE, SLOT
from tests.lab.gateway import GatewayLab, LabAgent
from tests.lab.waiting import wait_until

_WITHIN = 1.0  # seconds for one try: one that goes down the lost lane is never answered
_LOOK = 0.005


def replaced(
    gateway: GatewayLab, agent: LabAgent, target: int, lose: Callable[[], object]
) -> float:
    """Lose a lane, claim its slot and dial; return the seconds from the claim to an answer.

    Args:
        gateway: whose sshd holds the slot.
        agent: of one service, `crowd.SERVICE`, with a lane on `crowd.SLOT`.
        target: the local port behind the new lane.
        lose: ends the lane without the gateway's sshd hearing of it.
    """
    key = gateway.element(agent.id)

    def reached() -> bool:
        route = f"{agent.id}/{SERVICE}"
        found = gateway.request(timeout=_WITHIN, Ground2Cloud_Route=route, Ground2Cloud_Key=key)
        return found.status == 200

    wait_until(reached, what="the lane up", interval=_LOOK)
    lose()
    began = time.perf_counter()
    claim = agent.client.claim(SLOT)
    assert claim.holder == "ended", claim
    time.sleep(claim.dial_in)
    with agent.lane({SERVICE: target}):
        wait_until(reached, what="an answer", interval=_LOOK)
        return time.perf_counter() - began
