"""schemathesis against the backchannel of a whole gateway, with its registry, sshd and router.

A refused call has changed nothing: no row of the registry, no key of sshd, no map of the router.
"""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import ClassVar, NamedTuple

import pytest
from schemathesis.checks import CheckFunction
from schemathesis.specs.openapi.checks import ignored_auth

from ground2cloud.backchannel.calls import Call
from ground2cloud.config.join import encode
from ground2cloud.config.model import Kind
from ground2cloud.core.clock import wall
from ground2cloud.registry.database import sqlite_url
from ground2cloud.registry.records import Invite
from ground2cloud.registry.store import Registry
from tests.lab.derived import in_force, wanted
from tests.lab.fuzzing import FuzzedCalls, Fuzzer
from tests.lab.gateway import GatewayLab, LabAgent
from tests.lab.httpapp import HttpApp
from tests.lab.places import short_directory
from tests.lab.ports import free_wide_range
from tests.lab.registry_rows import SIGHTINGS, dump
from tests.lab.sources import new_source
from tests.lab.waiting import wait_until

EXAMPLES = 8
WEB = ("web", Kind.HTTP)


class Place(NamedTuple):
    """A running gateway, seen from all its sides; a stranger to all calls has a lane up."""

    gateway: GatewayLab
    registry: Registry
    authority: Path
    stranger: LabAgent
    key: str

    def stranger_answers(self) -> bool:
        """Whether the stranger's application is reached."""
        route = {"Ground2Cloud_Route": f"{self.stranger.id}/web", "Ground2Cloud_Key": self.key}
        return self.gateway.request(**route).status == 200

    def invite(self) -> str:
        """Make a join token."""
        return self.registry.invite(Invite(None, (), wall() + 600), wall())


@pytest.fixture(scope="module")
def place() -> Iterator[Place]:
    first, last = free_wide_range()
    ports = {"first_port": first, "last_port": last}
    with (
        short_directory() as directory,
        HttpApp() as app,
        GatewayLab(directory, tunnels=ports) as gateway,
    ):
        stranger = gateway.register(WEB)
        key = gateway.do("element", "add", "caller", "--grant", str(stranger.id))
        authority = directory / "ca.crt"
        authority.write_text(stranger.client.fetch_authority())
        registry = Registry(sqlite_url(directory / "state" / "registry.sqlite"))
        made = Place(gateway, registry, authority, stranger, key)
        with stranger.lane({"web": app.port}):
            wait_until(made.stranger_answers, what="the stranger's application")
            yield made
        registry.close()


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
            return self.place.invite()
        if self.agent is None or call.name == "unregister":
            join = encode(replace(self.place.stranger.join, token=self.place.invite()))
            self.agent = self.place.gateway.register(WEB, join=join)
        return self.agent.request.token

    def written(self) -> object:
        keys = self.place.gateway.directory / "run" / "authorized_keys"
        return dump(self.place.registry, SIGHTINGS), keys.read_text()

    def source(self) -> str:
        return new_source()


@pytest.fixture
def fuzzer(place: Place) -> Iterator[GatewayFuzzer]:
    log = place.gateway.log_text()
    yield GatewayFuzzer(place)
    said = place.gateway.log_text().removeprefix(log)
    assert [line for line in said.splitlines() if " WARN " in line or " ERROR " in line] == []
    assert "Traceback" not in said + place.gateway.stderr_text()
    directory, registry = place.gateway.directory, place.registry
    wait_until(lambda: in_force(directory) == wanted(registry), what="the registry in force")
    assert place.stranger_answers()


class TestWholeGateway(FuzzedCalls):
    """The calls, with everything behind them."""
