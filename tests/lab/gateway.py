"""The real gateway as a subprocess, and the configuration it runs on."""

import asyncio
import contextlib
import http.client
import os
import pwd
import secrets
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple, Self

import tomli_w

from ground2cloud.backchannel import messages
from ground2cloud.backchannel.client import Client
from ground2cloud.config.join import decode, encode
from ground2cloud.config.load import load_gateway
from ground2cloud.config.locations import locate_gateway
from ground2cloud.config.model import Kind
from ground2cloud.core.clock import wall
from ground2cloud.errors import Ground2CloudError
from ground2cloud.openssh.sshd.ca import known_hosts_line
from ground2cloud.registry.database import sqlite_url
from ground2cloud.registry.records import Grant, Invite
from ground2cloud.registry.store import Registry
from ground2cloud.registry.tokens import digest, new_token
from ground2cloud.roles.gateway.foundation import REGISTRY_FILE, certificates, host_identity
from ground2cloud.web.gateway_client import GatewayClient
from ground2cloud.web.gateway_messages import AgentView, GatewayStatus
from tests.lab.command import run_here
from tests.lab.plain_ssh import ssh_argv
from tests.lab.ports import free_port, free_range
from tests.lab.processes import run
from tests.lab.running import Running
from tests.lab.sshd import make_privilege_separation
from tests.lab.waiting import wait_until

PROGRAM = [sys.executable, "-m", "ground2cloud"]
DOMAIN = "g2c.test"


class Response(NamedTuple):
    """What the router answered."""

    status: int
    error: str
    body: str


class GatewayLab(Running):
    """`ground2cloud gateway run` on loopback; see `Running`.

    Args:
        directory: short and private (see `places`).
        sections: tables of gateway.toml; their keys win over what is written by itself.
    """

    def __init__(self, directory: Path, **sections: dict[str, Any]) -> None:
        self.directory = directory
        self.config = directory / "gateway.toml"
        super().__init__(self.command("run"), directory / "gateway.stderr")
        self.ssh_port, self.http_port, self.backchannel_port = free_port(), free_port(), free_port()
        first_port, last_port = free_range()
        tables: dict[str, dict[str, Any]] = {
            "gateway": {"host": "127.0.0.1", "user": pwd.getpwuid(os.getuid()).pw_name},
            "ssh": {"listen": ["127.0.0.1"], "port": self.ssh_port},
            "router": {"listen": ["127.0.0.1"], "port": self.http_port, "domain": DOMAIN},
            "backchannel": {"listen": ["127.0.0.1"], "port": self.backchannel_port},
            "tunnels": {"first_port": first_port, "last_port": last_port},
            "metrics": {"listen": "127.0.0.1:0"},
            "api": {"listen": "127.0.0.1:0"},
            "log": {"file": str(directory / "gateway.log"), "level": "debug"},
            "paths": {"state": str(directory / "state"), "run": str(directory / "run")},
        }
        for name, section in sections.items():
            tables[name] = {**tables.get(name, {}), **section}
        self.config.write_text(tomli_w.dumps(tables), "utf-8")

    def __enter__(self) -> Self:
        try:
            self.start()
            self.wait_ready()
        except BaseException:
            self.kill()
            raise
        return self

    # Its life

    def start(self) -> None:
        """Start it, and don't wait for anything."""
        make_privilege_separation()
        super().start()

    def make_authorities(self) -> None:
        """Make the CAs, by which agents of a registry that was not made by a run know it."""
        config = load_gateway(self.config)
        places = locate_gateway(config, self.config, os.environ)
        certificates(config, places)
        asyncio.run(host_identity(config, places, "ssh-keygen"))

    @property
    def registry(self) -> str:
        """The URL of its registry."""
        return sqlite_url(self.directory / "state" / REGISTRY_FILE)

    def wait_ready(self, timeout: float = 60.0) -> GatewayStatus:
        """Wait until sshd and the router are up."""

        def ready() -> GatewayStatus | None:
            code = self.exit_code
            assert code is None, f"the gateway ended with {code}:\n{self.stderr_text()}"
            status = self.status()
            up = [child.name for child in status.children if child.state == "ready"]
            return status if len(up) == 2 else None

        try:
            return wait_until(ready, timeout=timeout, what="sshd and router up", interval=0.05)
        except AssertionError as error:
            error.add_note(f"the gateway said:\n{self.stderr_text()}")
            raise

    def stop(self, *, within: float = 8.0, by: int = signal.SIGTERM) -> None:
        """Ask it to end."""
        super().stop(within=within, by=by)

    # Its operator

    def command(self, *arguments: str) -> list[str]:
        """Return the command `ground2cloud gateway ARGUMENTS` for this one."""
        return [*PROGRAM, "gateway", *arguments, "--config", str(self.config)]

    def cli(self, *arguments: str, timeout: float = 30.0) -> subprocess.CompletedProcess[str]:
        """Run `ground2cloud gateway ARGUMENTS --config FILE` to its end."""
        return subprocess.run(
            self.command(*arguments),
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
            stdin=subprocess.DEVNULL,
        )

    def do(self, *arguments: str) -> str:
        """Do the same in this process, in a tenth of the time; it must succeed.

        Returns what it printed.
        """
        done = run_here(self.config, "gateway", *arguments)
        assert done.code == 0, f"{arguments}: {done.err}"
        return done.out.strip()

    def status(self) -> GatewayStatus:
        """Return its status; ConnectionError while it does not answer."""
        return self._ask(GatewayClient.gateway)

    def agent(self, identity: int) -> AgentView:
        """Return what it says of one registration."""
        return next(agent for agent in self.agents() if agent.id == identity)

    def agents(self) -> tuple[AgentView, ...]:
        """Return what it says of all registrations."""
        found: tuple[AgentView, ...] = self._ask(GatewayClient.agents).agents
        return found

    def _ask(self, call: Any) -> Any:  # noqa: ANN401 - a method of the client, and its answer
        try:
            return call(GatewayClient.from_run_dir(self.directory / "run"))
        except Ground2CloudError as error:
            raise ConnectionError(error.message) from error

    def audit(self) -> str:
        """Return the audit log."""
        return (self.directory / "state" / "audit.log").read_text("utf-8")

    def log_text(self) -> str:
        """Return its log."""
        return (self.directory / "gateway.log").read_text("utf-8", "replace")

    # Its agents and callers

    def joins(self, count: int) -> list[str]:
        """Return join strings, made in the registry: commands would take half a second each."""
        one = decode(self.do("invite"))
        with contextlib.closing(Registry(self.registry)) as registry:
            invite = Invite("many", (), wall() + 3600)
            return [
                encode(replace(one, token=registry.invite(invite, wall()))) for _ in range(count)
            ]

    def element(self, *registrations: int) -> str:
        """Make an element that may call these, as the command does; return its key."""
        key = new_token()
        grants = [Grant(each) for each in registrations]
        with contextlib.closing(Registry(self.registry)) as registry:
            registry.add_element(f"e-{digest(key)[:12]}", digest(key), grants, wall())
        self._ask(partial(GatewayClient.refresh, registration=None))
        return key

    def register(self, *services: tuple[str, Kind], join: str | None = None) -> "LabAgent":
        """Invite and register an agent, with the client that agents use."""
        return LabAgent(self, join or self.do("invite", "--name", "lab"), services)

    def request(
        self, path: str = "/", *, method: str = "GET", timeout: float = 10.0, **headers: str
    ) -> Response:
        """Send one request to the router; `Ground2Cloud_Key` becomes `Ground2Cloud-Key`."""
        connection = http.client.HTTPConnection("127.0.0.1", self.http_port, timeout=timeout)
        try:
            fields = {name.replace("_", "-"): value for name, value in headers.items()}
            connection.request(method, path, headers={"Host": DOMAIN, **fields})
            response = connection.getresponse()
            body = response.read().decode("utf-8", "replace")
            return Response(response.status, response.headers.get("Ground2Cloud-Error", ""), body)
        except http.client.HTTPException as error:
            raise ConnectionError(repr(error)) from error
        finally:
            connection.close()


class LabAgent:
    """A registered agent whose lanes are plain ssh commands, started by the test.

    Args:
        gateway: whose agent it is.
        join_string: from an invite.
        services: names and kinds.
        register: False leaves it to the test to call `join_gateway`.

    Attributes:
        registered: what the gateway answered.
        client: its end of the backchannel.
        key: its private key.
    """

    def __init__(
        self,
        gateway: GatewayLab,
        join_string: str,
        services: tuple[tuple[str, Kind], ...],
        *,
        register: bool = True,
    ) -> None:
        join = decode(join_string)
        self.join = join
        self.is_registered = False
        self._gateway = gateway
        self.key = self.new_key("id")
        token = secrets.token_urlsafe(32)
        wanted = tuple(messages.WantedService(name=name, kind=kind) for name, kind in services)
        self.request = messages.RegisterRequest(
            key=public(self.key), token=token, services=wanted, name="lab", version="0.0.1"
        )
        self.client = Client(join.host, join.port, pin=join.pin, token=token)
        if register:
            self.join_gateway()

    def join_gateway(self) -> messages.Registered:
        """Register; may be repeated."""
        self.registered = self.client.register(self.join.token, self.request)
        self.is_registered = True
        self.id = self.registered.registration
        self.ports = {each.name: each.port for each in self.registered.services}
        self._known_hosts = self._gateway.directory / f"known_hosts.{self.id}"
        self._known_hosts.write_text(known_hosts_line(self.registered.host_ca))
        return self.registered

    def new_key(self, name: str) -> Path:
        """Make a key."""
        path = self._gateway.directory / f"{name}.{secrets.token_hex(6)}"
        run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", name, "-f", str(path))
        return path

    def ssh_argv(self, *forwards: str, key: Path | None = None) -> list[str]:
        """The command of a lane with these forwards."""
        endpoint = self.registered.endpoints[0]
        return ssh_argv(
            (self.registered.user, endpoint.host, endpoint.port),
            "-T",
            *(word for forward in forwards for word in ("-R", forward)),
            key=key or self.key,
            known_hosts=self._known_hosts,
            alias=self.registered.host_alias,
        )

    @contextlib.contextmanager
    def lane(
        self, targets: dict[str, int], *, slot: str = "127.0.0.1", key: Path | None = None
    ) -> Iterator["subprocess.Popen[bytes]"]:
        """Hold a lane that leads services to local ports; ended hard at the end of the block."""
        forwards = [f"{slot}:{self.ports[name]}:127.0.0.1:{port}" for name, port in targets.items()]
        words = self._gateway.directory / f"lane.{free_port()}"
        with words.open("wb") as stderr:
            process = subprocess.Popen(
                self.ssh_argv(*forwards, key=key),
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=stderr,
            )
        try:
            yield process
        except AssertionError as error:
            code = process.poll()
            error.add_note(f"the lane's exit code: {code}; it said:\n{words.read_text()}")
            raise
        finally:
            process.kill()
            process.wait()
            assert process.stdin is not None
            process.stdin.close()


def public(key: Path) -> str:
    """Return the public half of a key, as registrations have it."""
    return " ".join(key.with_name(f"{key.name}.pub").read_text().split()[:2])
