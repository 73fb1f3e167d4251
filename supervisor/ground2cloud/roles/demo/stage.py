"""Where the demo plays: its directory, its ports, its programs, and the commands it gives."""

import shlex
from dataclasses import dataclass, field
from pathlib import Path

import tomli_w

from ground2cloud.core import oneshot
from ground2cloud.openssh.sshd.child import shell_problem
from ground2cloud.rendering.atomic import write_atomic
from ground2cloud.roles.demo.application import Application
from ground2cloud.roles.demo.children import DEADLINE, Children
from ground2cloud.roles.demo.database import Database
from ground2cloud.roles.demo.error import DemoError
from ground2cloud.roles.demo.ports import Ports
from ground2cloud.roles.demo.telling import Teller
from ground2cloud.roles.gateway import system
from ground2cloud.service.current import program

_TUNNELS = 8
_SHOWN = 12  # characters of a secret


@dataclass(frozen=True, slots=True)
class GatewayPorts:
    """Where the gateway listens."""

    ssh: int
    router: int
    backchannel: int
    first_tunnel: int


@dataclass(slots=True)
class Stage:
    """All that the scenes share.

    Args:
        directory: everything is in it.
        ports: lends ports.
        children: what runs on.
        tell: hears what happens.
        root: whether all this has to run as root.
        application, moved: the HTTP application at its first and at its second place.
        database: None where there is no PostgreSQL.
        registration: the agent's number, once it has one.
        key: the caller's, once it has one.
    """

    directory: Path
    ports: Ports
    children: Children
    tell: Teller
    root: bool
    application: Application
    moved: Application
    database: Database | None
    gateway: GatewayPorts
    registration: int = 0
    key: str = field(default="", repr=False)

    @property
    def agent_config(self) -> Path:
        """The agent's configuration."""
        return self.directory / "agent.toml"

    @property
    def gateway_config(self) -> Path:
        """The gateway's configuration."""
        return self.directory / "gateway.toml"

    def write_configurations(self) -> None:
        """Write both; what neither says is in the directory, which is the home of all of it.

        Raises:
            OSError: they can't be written.
        """
        here, ports = ["127.0.0.1"], self.gateway
        gateway = {
            "gateway": {"host": here[0], **({"user": "root"} if self.root else {})},
            "ssh": {"listen": here, "port": ports.ssh},
            "router": {"listen": here, "port": ports.router},
            "backchannel": {"listen": here, "port": ports.backchannel},
            "tunnels": {
                "first_port": ports.first_tunnel,
                "last_port": ports.first_tunnel + _TUNNELS - 1,
            },
            "metrics": {"listen": "127.0.0.1:0"},
            "api": {"listen": "127.0.0.1:0"},
        }
        write_atomic(self.gateway_config, tomli_w.dumps(gateway))
        services = [_service(self.application.name, "http", self.application.port)]
        if self.database is not None:
            services.append(_service("books-db", "postgresql", self.database.port))
        if shell_problem(system.current()):
            services.append('[ssh]\nsession = "none"  # the account has no shell to hold one\n')
        write_atomic(self.agent_config, "\n".join(services))

    def start(self, config: Path, *words: str, fold: str = "") -> None:
        """Start `ground2cloud WORDS` on a configuration, to run on; show the command.

        Args:
            config: the configuration it is about.
            words: of the command.
            fold: the word before which what is shown goes on in another line.
        """
        name = f"ground2cloud {shlex.join(words)}"
        self.tell.command(name.replace(f" {fold}", f" \\\n  {fold}") if fold else name)
        self.children.start(name, *program(), *words, "--config", str(config))

    async def stop(self, *words: str) -> None:
        """End what was started so."""
        await self.children.stop(f"ground2cloud {shlex.join(words)}")

    async def command(self, config: Path, *words: str, shown: str = "") -> str:
        """Run a command to its end; show it, and answer what it printed.

        Args:
            config: the configuration it is about.
            words: of the command.
            shown: what is shown instead of the words.

        Raises:
            DemoError: it failed.
        """
        self.tell.command(f"ground2cloud {shown or shlex.join(words)}")
        argv = (*program(), *words, "--config", str(config))
        done = await oneshot.run(argv, timeout=DEADLINE)
        if not done.ok:
            self.children.require()
            raise DemoError(f"ground2cloud {words[0]}: {done.err.strip() or done.code}")
        return done.out.rstrip()


def shorten(secret: str) -> str:
    """Show the beginning of a secret."""
    return f"{secret[:_SHOWN]}…"


def lend_gateway_ports(ports: Ports) -> GatewayPorts:
    """Take the ports of a gateway.

    Raises:
        DemoError: there are none.
    """
    return GatewayPorts(ports.take(), ports.take(), ports.take(), ports.take(_TUNNELS))


def _service(name: str, kind: str, port: int) -> str:
    return f'[[service]]\nname = "{name}"\nkind = "{kind}"\nport = {port}\n'
