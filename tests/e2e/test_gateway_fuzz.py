"""schemathesis against the backchannel of a whole gateway, with its registry, sshd and router.

A refused call has changed nothing: no row of the registry, no key of sshd, no map of the router.
"""

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar

import pytest
from schemathesis.checks import CheckFunction
from schemathesis.specs.openapi.checks import ignored_auth

from ground2cloud.backchannel.calls import Call
from ground2cloud.config.join import encode
from ground2cloud.core.clock import wall
from ground2cloud.registry.records import Invite
from tests.lab.derived import in_force, wanted
from tests.lab.fuzzing import FuzzedCalls, Fuzzer
from tests.lab.ports import free_wide_range
from tests.lab.sources import new_source
from tests.lab.victim import WEB, Place, with_victim
from tests.lab.waiting import wait_until

if TYPE_CHECKING:
    from tests.lab.gateway import LabAgent

EXAMPLES = 8


@pytest.fixture(scope="module")
def place() -> Iterator[Place]:
    first, last = free_wide_range()
    with with_victim(tunnels={"first_port": first, "last_port": last}) as running:
        yield running


class GatewayFuzzer(Fuzzer):
    """Knows what the gateway has written, and has an agent of its own.

    Every case comes from another address, so that none is refused for being one too many. The
    check left out asks again without a token, always from the same one; there is a test for it.
    """

    excluded: ClassVar[list[CheckFunction]] = [ignored_auth]

    def __init__(self, place: Place) -> None:
        super().__init__(place.gateway.backchannel_port, place.authority, EXAMPLES)
        self.place = place
        self.agent: LabAgent | None = None

    def bearer(self, call: Call) -> str:
        if call.bearer == "join":
            return self._invite()
        if self.agent is None or call.name == "unregister":
            join = encode(replace(self.place.victim.join, token=self._invite()))
            self.agent = self.place.gateway.register(WEB, join=join)
        return self.agent.request.token

    def written(self) -> object:
        return self.place.written()

    def source(self) -> str:
        return new_source()

    def _invite(self) -> str:
        return self.place.registry.invite(Invite(None, (), wall() + 600), wall())


@pytest.fixture
def fuzzer(place: Place) -> Iterator[GatewayFuzzer]:
    log = place.gateway.log_text()
    yield GatewayFuzzer(place)
    said = place.gateway.log_text().removeprefix(log)
    assert [line for line in said.splitlines() if " WARN " in line or " ERROR " in line] == []
    assert "Traceback" not in said + place.gateway.stderr_text()
    directory, registry = place.gateway.directory, place.registry
    wait_until(lambda: in_force(directory) == wanted(registry), what="the registry in force")
    assert place.call().status == 200


class TestWholeGateway(FuzzedCalls):
    """The calls, with everything behind them."""
