"""The gateway's sshd as the product runs it: its own template, the real sshd and supervisor."""

import asyncio
import contextlib
import os
import pwd
import subprocess
from collections.abc import AsyncIterator, Callable, Collection, Iterable
from dataclasses import dataclass, replace
from pathlib import Path

import psutil

from ground2cloud.core.backoff import BackoffPolicy
from ground2cloud.core.clock import monotonic
from ground2cloud.core.spec import Limits
from ground2cloud.core.supervise import Supervisor, Transition
from ground2cloud.openssh.sshd.authorized import KeyGrant
from ground2cloud.openssh.sshd.ca import HostIdentity, ensure_identity, known_hosts_line
from ground2cloud.openssh.sshd.child import NAME, SshdChild
from ground2cloud.openssh.sshd.claims import Claims
from ground2cloud.openssh.sshd.events import Event
from ground2cloud.openssh.sshd.program import SshdProgram, find_grep, find_sshd
from ground2cloud.openssh.sshd.sessions import Session, Sessions, held
from ground2cloud.openssh.sshd.settings import Listen, SshdPlaces, SshdSettings
from ground2cloud.rendering.atomic import write_atomic
from tests.lab.places import short_directory
from tests.lab.plain_ssh import ssh_argv
from tests.lab.ports import free_port
from tests.lab.processes import end_child, kill_all, run
from tests.lab.sshd import make_privilege_separation
from tests.lab.waiting import eventually

SLOTS = ("127.0.0.1", "127.0.0.2", "127.0.0.3", "127.0.0.4")
LOCAL = "127.0.0.1"


@dataclass
class Client:
    """A registration's ssh, with its pipes; `words` is what it said on stderr."""

    process: "subprocess.Popen[bytes]"
    log: Path

    @property
    def words(self) -> str:
        return self.log.read_text("utf-8", "replace")

    async def ended(self, timeout: float = 20.0) -> int:
        await eventually(lambda: self.process.poll() is not None, what="ssh's end", timeout=timeout)
        assert self.process.returncode is not None
        return self.process.returncode


class GatewaySshd:
    """A running sshd of a gateway, its registrations, and what it told of them."""

    def __init__(self, directory: Path, program: SshdProgram, identity: HostIdentity) -> None:
        self.directory = directory
        self.program = program
        self.identity = identity
        self.port = free_port()
        self.user = pwd.getpwuid(os.getuid()).pw_name
        self.lines: list[str] = []
        self.events: list[Event] = []
        self.transitions: list[Transition] = []
        self.grants: dict[str, KeyGrant] = {}
        self.places = SshdPlaces(
            directory / "sshd_config",
            directory / "authorized keys",
            identity.host_key,
            identity.certificate,
            directory,
        )
        self.settings = SshdSettings(
            (Listen(LOCAL, self.port),),
            self.user,
            strict_modes=False,  # it refuses everything below /tmp
        )
        self.new_record()
        self.take: Callable[[Event], object] = lambda event: self.claims.hear(event, monotonic())
        self.child = SshdChild(
            program,
            self.settings,
            self.places,
            on_event=self._hear,
            limits=Limits(backoff=BackoffPolicy(0.05, 0.5), start_timeout=10.0, blocked_retry=0.5),
            find=lambda: self.grep,
        )
        self.grep: str | None = find_grep()
        self.supervisor = Supervisor(
            self.transitions.append, lambda _name, line: self.lines.append(line)
        )
        self.clients: list[Client] = []
        (directory / "known_hosts").write_text(known_hosts_line(identity.ca_public_key))

    def new_record(self) -> None:
        """Begin a record as a new gateway does, on the file of the one before."""
        self.sessions = Sessions(self.directory / "sessions", write_atomic)
        self.claims = Claims(self.sessions)

    def _hear(self, event: Event) -> None:
        self.events.append(event)
        self.take(event)

    async def start(self) -> None:
        make_privilege_separation()
        self.child.write_keys(list(self.grants.values()))
        self.supervisor.start(self.child.spec())
        await self.ready()

    async def ready(self) -> None:
        await eventually(lambda: self.supervisor.is_ready(NAME), what=f"sshd ready: {self.lines}")

    @property
    def pid(self) -> int:
        running = self.supervisor.run_of(NAME)
        assert running is not None
        assert running.pid is not None
        return running.pid

    def reasons(self) -> set[str]:
        """Return why its runs ended so far."""
        return {each.after.verdict.reason for each in self.transitions if each.after.verdict}

    # Its registrations ------------------------------------------------------------------------

    def register(
        self, registration: int, ports: Iterable[int], *, slots: tuple[str, ...] = SLOTS
    ) -> None:
        """Let a registration in, with a key of its own, `directory / ID`."""
        key = self.directory / str(registration)
        run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key))
        public = " ".join(key.with_suffix(".pub").read_text().split()[:2])
        self.grant(str(registration), KeyGrant(registration, public, slots, tuple(ports)))

    def grant(self, name: str, grant: KeyGrant) -> None:
        self.grants[name] = grant
        self.sessions.own([grant])
        self.child.write_keys(list(self.grants.values()))

    def withdraw(self, name: str) -> None:
        del self.grants[name]
        self.child.write_keys(list(self.grants.values()))

    def ssh(self, registration: int, *arguments: str, user: str = "") -> list[str]:
        """Return the command of a registration's ssh; the arguments come before the host."""
        return ssh_argv(
            (user or self.user, LOCAL, self.port),
            *arguments,
            key=self.directory / str(registration),
            known_hosts=self.directory / "known_hosts",
            alias="ground2cloud-gateway",
        )

    def dial(self, registration: int, *arguments: str, command: str = "exec cat") -> Client:
        """Start a registration's ssh with a held session."""
        log = self.directory / f"client-{len(self.clients)}.log"
        with log.open("wb") as words:
            process = subprocess.Popen(
                [*self.ssh(registration, "-T", *arguments), command],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=words,
                start_new_session=True,
            )
        client = Client(process, log)
        self.clients.append(client)
        return client

    async def lane(
        self, registration: int, slot: str, forwards: dict[int, int], *arguments: str
    ) -> Client:
        """Start a lane and wait until all its ports are open."""
        words = [w for p, to in forwards.items() for w in ("-R", f"{slot}:{p}:{LOCAL}:{to}")]
        client = self.dial(registration, *words, *arguments)
        await eventually(
            lambda: self.holder(registration, slot, forwards) or client.process.poll() is not None,
            what="the lane's ports are open",
        )
        assert client.process.poll() is None, client.words
        return client

    def holder(self, registration: int, slot: str, ports: Collection[int]) -> Session | None:
        """Return the session that holds all these ports on a slot."""
        wanted = {(slot, port) for port in ports}
        places = held(self.sessions.of(registration))
        return next((session for session in places if wanted <= places[session]), None)

    def refuse(self, registration: int, *arguments: str) -> str:
        """Run a registration's ssh to its end, which must be a failure; return its words."""
        done = subprocess.run(
            self.ssh(registration, *arguments),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=40,
            check=False,
        )
        assert done.returncode != 0, done
        return done.stderr

    async def reload(self, **settings: object) -> object:
        """Change the settings, or some of them, and have sshd take them up."""
        self.settings = self.child.settings = replace(self.settings, **settings)  # type: ignore[arg-type] # the tests name the fields
        return await self.supervisor.reload(NAME)

    async def close(self) -> None:
        for client in self.clients:
            if client.process.poll() is None:
                with contextlib.suppress(ProcessLookupError):
                    client.process.kill()
                end_child(client.process)
            for pipe in (client.process.stdin, client.process.stdout):
                assert pipe is not None
                with contextlib.suppress(BrokenPipeError):
                    pipe.close()
        left = [p for s in self.sessions.all() for p in s.processes()]
        await self.supervisor.close()
        processes = []
        for process in left:
            with contextlib.suppress(psutil.NoSuchProcess):
                processes.append(psutil.Process(process.pid))
        await asyncio.to_thread(kill_all, processes)


@contextlib.asynccontextmanager
async def gateway_sshd(**settings: object) -> AsyncIterator[GatewaySshd]:
    """Run a gateway's sshd for as long as the block lasts."""
    program = await find_sshd()
    assert isinstance(program, SshdProgram), program
    if os.geteuid() == 0:
        Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
    with short_directory() as directory:
        identity = await ensure_identity(directory / "ssh", ("gateway.example",))
        gateway = GatewaySshd(directory, program, identity)
        gateway.settings = gateway.child.settings = replace(gateway.settings, **settings)  # type: ignore[arg-type] # the tests name the fields
        try:
            await gateway.start()
            yield gateway
        finally:
            await gateway.close()
