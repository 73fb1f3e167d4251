"""Many lanes at once: real ssh processes, each kept up by a thread that does what an agent does.

A thread claims its slot, waits as it is told, dials, and when ssh ends does so again with the
agent's own backoff. An agent in Python takes 40 MB and half a second of a processor to start, so
hundreds of them would measure two processors and not the gateway.
"""

import contextlib
import subprocess
import threading
from concurrent.futures import ThreadPoolExecutor
from random import Random
from typing import Self

from ground2cloud.backchannel.client import Client
from ground2cloud.config.model import Kind
from ground2cloud.core.backoff import BackoffPolicy
from ground2cloud.errors import Ground2CloudError
from ground2cloud.roles.gateway.listeners import listening
from ground2cloud.roles.registration.link import CLAIM
from tests.lab.gateway import GatewayLab, LabAgent
from tests.lab.ports import free_range
from tests.lab.processes import end_child

SERVICE = "web"
SLOT = "127.0.0.1"
LIGHT = ("-o", "KexAlgorithms=curve25519-sha256")

_AT_ONCE = 8
_LOOK = 0.05


def tunnels(count: int) -> dict[str, int]:
    """Return the table `[tunnels]` with room for so many services."""
    first, last = free_range(count)
    return {"first_port": first, "last_port": last}


class Crowd:
    """Registered agents with one service each; use it as a context manager.

    Args:
        gateway: running.
        count: how many.
        target: the local port behind all of them.
        seed: of the chance in the backoff.
        light: whether they do with a key exchange that takes a third of the time.
    """

    def __init__(
        self,
        gateway: GatewayLab,
        count: int,
        target: int,
        *,
        seed: int = 4,
        light: bool = False,
    ) -> None:
        self._stopping = threading.Event()
        self._watcher = threading.Thread(target=self._watch)
        joins = gateway.joins(count)
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            made = pool.map(lambda join: gateway.register((SERVICE, Kind.HTTP), join=join), joins)
            self.agents = list(made)
        # Agents have it in identity.toml: they don't ask for it when they come.
        authority = self.agents[0].client.fetch_authority() if self.agents else ""
        options = LIGHT if light else ()
        self.lanes = []
        for number, agent in enumerate(self.agents):
            place = (SLOT, agent.ports[SERVICE])
            program, *arguments = agent.ssh_argv(f"{SLOT}:{place[1]}:127.0.0.1:{target}")
            argv = [program, *options, *arguments]
            chance = Random(seed + number)
            lane = _Lane(place, _client(agent, authority), argv, chance, self._stopping)
            self.lanes.append(lane)
        self._up: frozenset[tuple[str, int]] = frozenset()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def all_up(self) -> bool:
        """Whether all lanes listen, or did a moment ago."""
        return {lane.place for lane in self.lanes} <= self._up

    @property
    def failed(self) -> int:
        """How many ssh ended by themselves that never had their port."""
        return sum(lane.failed for lane in self.lanes)

    def start(self) -> None:
        """Have all of them come, at the same time."""
        self._watcher.start()
        for lane in self.lanes:
            lane.thread.start()

    def stop(self) -> None:
        """End all of them, for good."""
        self._stopping.set()
        for lane in self.lanes:
            lane.stop()
        if self._watcher.is_alive():
            self._watcher.join()

    def _watch(self) -> None:
        while not self._stopping.wait(_LOOK):
            self._up = up = listening()
            for lane in self.lanes:
                lane.was_up |= lane.place in up


def _client(agent: LabAgent, authority: str) -> Client:
    join, token = agent.join, agent.request.token
    return Client(
        join.host, join.port, pin=join.pin, authority=authority, token=token, timeout=CLAIM
    )


class _Lane:
    def __init__(
        self,
        place: tuple[str, int],
        client: Client,
        argv: list[str],
        chance: Random,
        stopping: threading.Event,
    ) -> None:
        self.failed = 0
        self.place = place
        self.was_up = False
        self.thread = threading.Thread(target=self._keep)
        self._stopping = stopping
        self._client = client
        self._argv = argv
        self._chance = chance
        self._process: subprocess.Popen[bytes] | None = None

    def stop(self) -> None:
        if self._process is not None:
            end_child(self._process)
        if self.thread.is_alive():
            self.thread.join()

    def _keep(self) -> None:
        policy, failures = BackoffPolicy(), 0
        while not self._stopping.is_set():
            with contextlib.suppress(Ground2CloudError):  # an agent dials all the same
                self._wait_for_turn()
            self._dial()
            failures = 0 if self.was_up else failures + 1
            self._stopping.wait(policy.delay(failures, self._chance.random()))

    def _wait_for_turn(self) -> None:
        while not self._stopping.is_set():
            answer = self._client.claim(SLOT)
            self._stopping.wait(answer.dial_in)
            if not answer.again:
                return

    def _dial(self) -> None:
        self.was_up = False
        self._process = subprocess.Popen(
            self._argv,
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        if self._stopping.is_set():  # it may have been too late for `stop` to see this one
            end_child(self._process)
        self._process.wait()
        assert self._process.stdin is not None
        self._process.stdin.close()
        self.failed += not self.was_up and not self._stopping.is_set()
