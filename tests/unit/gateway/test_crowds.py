"""An address that has too many connections is told once, for as long as it goes on."""

import pytest

from ground2cloud.haproxy.wire import RuntimeSocketError
from ground2cloud.roles.gateway.crowds import Crowds


class Router:
    """Takes the place of the runtime socket; None for one that does not answer."""

    def __init__(self) -> None:
        self.refused: dict[str, int] | None = {}

    async def refusals(self) -> dict[str, int]:
        if self.refused is None:
            raise RuntimeSocketError("away")
        return self.refused


async def test_a_crowded_address_is_told_when_it_begins(caplog: pytest.LogCaptureFixture) -> None:
    router = Router()
    crowds = Crowds(router)  # type: ignore[arg-type] # as much of it as is asked for
    told = []
    for refused in (
        {},
        {"192.0.2.1": 5},
        {"192.0.2.1": 9, "2001:db8::": 1},
        {"192.0.2.1": 9},
        {"192.0.2.1": 10},
        {"192.0.2.1": 1},
        {"192.0.2.1": 2},
    ):
        router.refused = refused
        caplog.clear()
        assert await crowds.look()
        told.append([record.getMessage().split()[2] for record in caplog.records])
    assert told == [[], ["192.0.2.1"], ["2001:db8::/64"], [], ["192.0.2.1"], [], ["192.0.2.1"]]
    router.refused = None
    assert not await crowds.look()
