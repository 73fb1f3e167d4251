"""kill -9 at random moments: what was answered is there, and all else is derived from it anew."""

import random
import shutil
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from ground2cloud.backchannel.client import Client
from ground2cloud.backchannel.messages import Registered, RegisterRequest, WantedService
from ground2cloud.config.join import Join, decode
from ground2cloud.config.model import Kind
from ground2cloud.core.clock import wall
from ground2cloud.errors import Ground2CloudError
from ground2cloud.registry.database import sqlite_url
from ground2cloud.registry.records import Invite
from ground2cloud.registry.store import Registry
from tests.lab.derived import in_force, wanted
from tests.lab.gateway import GatewayLab
from tests.lab.ports import free_wide_range
from tests.lab.registering import make_key
from tests.lab.waiting import wait_until

ROUNDS = 2
AT_ONCE = 3
SERVICES = (WantedService(name="web", kind=Kind.HTTP), WantedService(name="db", kind=Kind.MYSQL))


class Crowd:
    """Agents that register, one after the other, several at once.

    Attributes:
        join: where they register.
        answered: what each was told, by its name.
        asked: who has asked.
    """

    def __init__(self, join: Join, registry: Registry) -> None:
        self.join = join
        self._registry = registry
        self._tokens: dict[str, str] = {}
        self.answered: dict[str, Registered] = {}

    @property
    def asked(self) -> list[str]:
        return list(self._tokens)

    def ask(self, name: str) -> Registered:
        """Register, or repeat the request."""
        if name not in self._tokens:
            self._tokens[name] = self._registry.invite(Invite(None, (), wall() + 600), wall())
        token = f"{name:x>43}"
        request = RegisterRequest(key=make_key(name), token=token, services=SERVICES, name=name)
        client = Client(self.join.host, self.join.port, pin=self.join.pin, token=token)
        return client.register(self._tokens[name], request)

    @contextmanager
    def registering(self, prefix: str) -> Iterator[None]:
        """Register without end, each anew, until the end of the block."""
        over = threading.Event()

        def go_on(thread: int) -> None:
            count = 0
            while not over.is_set():
                name = f"{prefix}-{thread}-{count}"
                count += 1
                try:
                    self.answered[name] = self.ask(name)
                except Ground2CloudError:
                    over.wait(0.05)  # it was killed

        threads = [threading.Thread(target=go_on, args=(number,)) for number in range(AT_ONCE)]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            over.set()
            for thread in threads:
                thread.join(30)


@pytest.fixture
def gateway(short_dir: Path) -> Iterator[GatewayLab]:
    first, last = free_wide_range()
    ports = {"first_port": first, "last_port": last}
    with GatewayLab(short_dir, tunnels=ports) as running:
        yield running


@pytest.fixture
def registry(gateway: GatewayLab) -> Iterator[Registry]:
    """The registry of the gateway, opened beside it."""
    url = sqlite_url(gateway.directory / "state" / "registry.sqlite")
    with closing(Registry(url)) as opened:
        yield opened


@pytest.fixture
def crowd(gateway: GatewayLab, registry: Registry) -> Crowd:
    return Crowd(decode(gateway.do("invite")), registry)


def test_what_was_answered_is_in_force_after_any_kill(
    gateway: GatewayLab, registry: Registry, crowd: Crowd
) -> None:
    chance = random.Random(9)
    for number in range(ROUNDS):
        enough = len(crowd.answered) + chance.randint(2, 8)
        with crowd.registering(f"round{number}"):
            wait_until(lambda: len(crowd.answered) >= enough, what="some registrations")  # noqa: B023 - called at once
            time.sleep(chance.uniform(0, 0.1))  # somewhere in the next ones
            gateway.crash()
        gateway.start()
        gateway.wait_ready()
        wait_until(lambda: in_force(gateway.directory) == wanted(registry), what="all in force")
        for name, told in crowd.answered.items():
            assert crowd.ask(name) == told, "the same request, the same answer"
    for name in crowd.asked:  # also those who heard nothing
        told = crowd.ask(name)
        assert crowd.answered.setdefault(name, told) == told
    wait_until(lambda: in_force(gateway.directory) == wanted(registry), what="all in force")
    assert len(registry.registrations()) == len(crowd.asked) > ROUNDS * 2
    assert len(wanted(registry).routes) == 2 * len(crowd.asked)


def test_all_that_is_derived_may_be_lost(
    gateway: GatewayLab, registry: Registry, crowd: Crowd
) -> None:
    """The state directory is the gateway; the run directory is nothing that it depends on."""
    before = crowd.ask("one")
    pin = crowd.join.pin
    gateway.kill()
    shutil.rmtree(gateway.directory / "run")
    gateway.start()
    gateway.wait_ready()
    wait_until(lambda: in_force(gateway.directory) == wanted(registry), what="all in force")
    assert crowd.ask("one") == before, "under the same host CA, too"
    assert decode(gateway.do("invite")).pin == pin
