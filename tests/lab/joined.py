"""A whole gateway and an agent that joined it by one line: what callers' programs run through."""

import contextlib
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import psutil
import tomli_w

from ground2cloud.config.model import Kind
from tests.lab.agent import Agent
from tests.lab.command import run_here
from tests.lab.connecting import Way, led
from tests.lab.gateway import DOMAIN, GatewayLab, Response
from tests.lab.places import short_directory
from tests.lab.ports import free_port
from tests.lab.waiting import wait_until

CALLS = 30
"""So many are answered one after the other when all is well again."""


class Application(NamedTuple):
    """What an agent offers: a port of 127.0.0.1, and what speaks there."""

    kind: Kind
    port: int


def unregistered(
    directory: Path, services: Mapping[str, Application], **sections: Mapping[str, object]
) -> Agent:
    """Write an agent.toml with these services and no gateway; the agent is not started."""
    tables = {
        "service": [
            {"name": name, "kind": each.kind.value, "host": "127.0.0.1", "port": each.port}
            for name, each in services.items()
        ],
        "log": {"file": str(directory / "agent.log")},
        "paths": {"state": str(directory / "state"), "run": str(directory / "run")},
        "api": {"listen": "127.0.0.1:0"},
    }
    path = directory / "agent.toml"
    path.write_text(tomli_w.dumps({**tables, **sections}))
    return Agent(path)


def number_of(agent: Agent) -> int:
    """Return the number that a registered agent has."""
    identity = tomllib.loads((agent.config.parent / "state" / "identity.toml").read_text())
    return int(identity["registration"])


def do(config: Path, *words: str) -> str:
    """Run a command, which must succeed; return what it printed."""
    done = run_here(config, *words)
    assert done.code == 0, f"{words}: {done.err}"
    return done.out.strip()


class Joined:
    """`ground2cloud gateway run` with sshd and router, `ground2cloud run`, and keys for callers.

    Attributes:
        gateway, agent: both running.
        id: the agent's number.
        key_to_all: an element key to all of its services.
    """

    def __init__(self, gateway: GatewayLab, agent: Agent) -> None:
        self.gateway = gateway
        self.agent = agent
        do(agent.config, "register", do(gateway.config, "gateway", "invite"))
        self.id = number_of(agent)
        agent.start()
        agent.wait_ready()
        self.key_to_all = self.key()

    def key(self, *services: str, options: tuple[str, ...] = ()) -> str:
        """Make an element key to these services, without any to all of them; it is known then."""
        routes = [f"{self.id}/{name}" for name in services] or [str(self.id)]
        grants = [word for route in routes for word in ("--grant", route)]
        words = ("gateway", "element", "add", f"caller{free_port()}")
        key = do(self.gateway.config, *words, *grants, *options)
        # Nothing that counts for the element's limits: there is no such service.
        wait_until(lambda: self.ask("no-such", key).error == "unknown-route", what="a known key")
        return key

    def ask(self, service: str, key: str, path: str = "/") -> Response:
        """GET through the router."""
        return self.gateway.request(path, **self.headers(service, key))

    def headers(self, service: str, key: str | None) -> dict[str, str]:
        """What leads a request to a service, with a key or without."""
        keys = {} if key is None else {"Ground2Cloud-Key": key}
        return {"Host": DOMAIN, "Ground2Cloud-Route": f"{self.id}/{service}", **keys}

    def led(self, service: str, key: str) -> contextlib.AbstractContextManager[Way]:
        """Run `ground2cloud connect` to a service."""
        return led(self.gateway, f"{self.id}/{service}", key)

    def cut(self) -> None:
        """Kill the ssh that holds the lane."""
        before = self.agent.ssh_pids()
        assert before, "the agent has no lane"
        for pid in before:
            psutil.Process(pid).kill()

    def wait_back(self, service: str) -> None:
        """Wait for the new lane: until then callers are told so, and from then on all is well.

        A call that meets the former one in its last moment ends as one whose application is gone.
        The new one may carry a call before the router has been told that the former one is down.
        """
        seen: list[tuple[int, str | None]] = []
        carriers: set[int] = set()

        def back() -> bool:
            answer = self.ask(service, self.key_to_all)
            seen.append((answer.status, answer.error))
            if answer.status == 200:
                carriers.update(self.agent.ssh_pids())
            return {status for status, _ in seen[-CALLS:]} == {200} and len(seen) >= CALLS

        wait_until(back, timeout=30, what=f"{CALLS} answers one after the other")
        told = {error for status, error in seen if status != 200}
        assert told <= {"tunnel-down", "application-unreachable"}, seen
        assert len(carriers) == 1, f"more than one new lane: {seen}"


@contextlib.contextmanager
def joined(
    services: Mapping[str, Application],
    *,
    public: Mapping[str, dict[str, Any]] | None = None,
    **sections: Mapping[str, object],
) -> Iterator[Joined]:
    """Run a gateway and an agent that offers these services, all hard ended after the block.

    Args:
        services: by name.
        public: tables of gateway.toml.
        sections: tables of agent.toml.
    """
    with contextlib.ExitStack() as stack:
        here, there = (stack.enter_context(short_directory()) for _ in range(2))
        gateway = stack.enter_context(GatewayLab(here, **(public or {})))
        agent = unregistered(there, services, **sections)
        stack.callback(agent.kill)
        yield Joined(gateway, agent)
