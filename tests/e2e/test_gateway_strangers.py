"""Other accounts of the gateway's machine: what they listen on is no lane."""

import contextlib
import os
from collections.abc import Iterator

import pytest

from ground2cloud.config.model import Kind
from tests.lab.gateway import GatewayLab, LabAgent, Response
from tests.lab.httpapp import HttpApp
from tests.lab.waiting import wait_until

WEB = ("web", Kind.HTTP)
NOBODY = 65534


@contextlib.contextmanager
def stranger(slot: str, port: int) -> Iterator[HttpApp]:
    """Listen there as an account without rights: whose a socket is, is settled when it is made."""
    with HttpApp("stranger", host=slot, port=port) as app:
        app.stop()
        os.seteuid(NOBODY)
        try:
            app.start()
        finally:
            os.seteuid(0)
        yield app


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be another account")
def test_no_caller_is_led_to_another_account(gateway: GatewayLab, http_app: HttpApp) -> None:
    agent, later = gateway.register(WEB), gateway.register(WEB)
    key = gateway.element(agent.id, later.id)

    def ask(of: LabAgent) -> Response:
        return gateway.request(Ground2Cloud_Route=f"{of.id}/web", Ground2Cloud_Key=key)

    with (
        agent.lane({"web": http_app.port}),
        stranger("127.0.0.2", agent.ports["web"]) as other,
    ):
        # All that listens has been seen, once callers are led to a lane that came after it.
        with later.lane({"web": http_app.port}):
            wait_until(lambda: ask(later).status == 200, what="the later lane")
        wait_until(lambda: ask(agent).status == 200, what="the application")
        assert {ask(agent).body for _ in range(8)} == {"hello from app\n"}
        assert other.requests == 0
