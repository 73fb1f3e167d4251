"""Whatever agents and operators do, in any order: ports are distinct, and services keep theirs."""

import shutil
from pathlib import Path

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, rule

from ground2cloud.config.model import Kind
from ground2cloud.registry.database import sqlite_url
from ground2cloud.registry.errors import RefusedError
from ground2cloud.registry.records import PortRange, Registration
from ground2cloud.registry.store import Registry
from tests.lab.places import make_short_directory
from tests.lab.registering import NOW, enter, make_invite

SERVICES = st.lists(
    st.tuples(st.sampled_from(["a", "b", "c", "d", "e", "f"]), st.sampled_from(list(Kind))),
    unique_by=lambda service: service[0],
    max_size=4,
)


class Operations(RuleBasedStateMachine):
    """A registry, and what must be in it.

    `using` has the ports of the services there are, `known` every port that ever was given.
    """

    ports = PortRange()
    ids = Bundle("ids")

    def __init__(self) -> None:
        super().__init__()
        self.directory = make_short_directory()
        self.registry = self.open()
        self.now = NOW
        self.names = 0
        self.using: dict[int, dict[str, int]] = {}
        self.known: dict[tuple[int, str], int] = {}

    def open(self) -> Registry:
        return Registry(sqlite_url(Path(self.directory) / "registry.db"), self.ports)

    def teardown(self) -> None:
        self.registry.close()
        shutil.rmtree(self.directory)

    def enter(self, token: str, services: list[tuple[str, Kind]]) -> Registration:
        self.names += 1
        return enter(self.registry, token, f"agent-{self.names}", tuple(services))

    def took(self, found: Registration, services: list[tuple[str, Kind]]) -> None:
        """Compare what a registration has now with what it had, and remember it."""
        assert [(service.name, service.kind) for service in found.services] == services
        before = self.using.get(found.id, {})
        self.using[found.id] = {service.name: service.port for service in found.services}
        for name in before.keys() & self.using[found.id].keys():
            assert self.using[found.id][name] == before[name]
        self.remember(found.id)

    def remember(self, identity: int) -> None:
        """Compare with every port that ever was given."""
        for name, port in self.using[identity].items():
            if (identity, name) not in self.known:
                assert port not in self.known.values()
                self.known[identity, name] = port
            assert self.known[identity, name] == port

    @rule(target=ids, services=SERVICES)
    def register(self, services: list[tuple[str, Kind]]) -> int:
        found = self.enter(make_invite(self.registry), services)
        self.took(found, services)
        return found.id

    @rule(identity=ids, services=SERVICES)
    def set_services(self, identity: int, services: list[tuple[str, Kind]]) -> None:
        self.now += 1
        if identity in self.using:
            token = self.registry.registration(identity).token_hash
            self.took(self.registry.set_services(token, services, self.now), services)

    @rule(identity=ids, services=SERVICES)
    def renew(self, identity: int, services: list[tuple[str, Kind]]) -> None:
        found = self.enter(make_invite(self.registry, identity), services)
        assert found.id == identity
        self.took(found, services)

    @rule(identity=ids)
    def unregister(self, identity: int) -> None:
        if self.using.pop(identity, None) is not None:
            self.registry.unregister(self.registry.registration(identity).token_hash, self.now)

    @rule(identity=consumes(ids))
    def revoke(self, identity: int) -> None:
        if self.using.pop(identity, None) is not None:
            self.registry.revoke(identity, self.now)
        else:
            self.renew(identity, [])
            self.revoke(identity)

    @rule()
    def reopen(self) -> None:
        self.registry.close()
        self.registry = self.open()

    @invariant()
    def nothing_else_is_in_it(self) -> None:
        found = [one for one in self.registry.registrations() if one.revoked_at is None]
        assert self.using == {
            one.id: {service.name: service.port for service in one.services} for one in found
        }
        ports = [port for services in self.using.values() for port in services.values()]
        assert len(set(ports)) == len(ports)
        assert all(self.ports.first <= port <= self.ports.last for port in ports)
        assert not self.ports.taken.intersection(ports)


class OperationsWithFewPorts(Operations):
    """The same where ports run out: who has one keeps it, who gets none has changed nothing."""

    ports = PortRange(20000, 20011, frozenset({20005}))

    def remember(self, identity: int) -> None:
        """Ports of who is gone may be given to others."""

    def enter(self, token: str, services: list[tuple[str, Kind]]) -> Registration:
        try:
            return super().enter(token, services)
        except RefusedError as error:
            if error.reason != "no-free-port":
                raise
            services.clear()
            return super().enter(token, services)

    @rule(identity=Operations.ids, services=SERVICES)
    def set_services(self, identity: int, services: list[tuple[str, Kind]]) -> None:
        try:
            super().set_services(identity, services)
        except RefusedError as error:
            if error.reason != "no-free-port":
                raise


HOW_MUCH = settings(max_examples=20, stateful_step_count=20)
TestOperations = Operations.TestCase
TestOperations.settings = HOW_MUCH
TestOperationsWithFewPorts = OperationsWithFewPorts.TestCase
TestOperationsWithFewPorts.settings = HOW_MUCH
