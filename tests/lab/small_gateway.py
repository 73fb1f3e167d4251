"""A gateway as small as can be: a real sshd, the real backchannel, and a dictionary behind them.

It does what the contract between agent and gateway says, and can be made to hang, to refuse and to
be away. There is no router.
"""

import asyncio
import secrets
import shutil
import threading
from dataclasses import dataclass, field
from typing import Self

import psutil

from ground2cloud.backchannel import messages
from ground2cloud.backchannel.errors import RefusedError, Slug
from ground2cloud.backchannel.messages import Caller
from ground2cloud.backchannel.server import BackchannelServer
from ground2cloud.backchannel.tls import Certificates
from ground2cloud.config.join import Join, encode
from ground2cloud.core import clock
from ground2cloud.openssh.sshd.authorized import KeyGrant, fingerprint, text
from tests.lab.fake_desk import UNLIMITED, hash_of
from tests.lab.places import make_short_directory
from tests.lab.ports import free_port
from tests.lab.processes import kill_all, run
from tests.lab.sshd import ThrowawaySshd

ALIAS = "ground2cloud-gateway"
SLOTS = ("127.0.0.1", "127.0.0.2", "127.0.0.3", "127.0.0.4")


@dataclass
class Member:
    """A registration."""

    token: str
    keys: list[str]
    ports: dict[str, int] = field(default_factory=dict)
    offered: tuple[messages.WantedService, ...] = ()
    beats: list[messages.HeartbeatRequest] = field(default_factory=list)


class SmallGateway:
    """Implements `Desk`; use it as a context manager.

    Attributes:
        sshd: the real one; its `directory` holds the files.
        port: of the backchannel, also after a restart.
        members: the registrations by number.
        claims: every claim, with what became of it.
        endpoints: what agents are told; by default the sshd.
        dial_in: seconds that a claim is told to wait.
        not_yet: so many claims are told to ask again.
        answering: cleared, every call hangs.
        lost_answers: so many answers of `register` are lost.
        fault: raised by every call but the joining ones.
    """

    def __init__(self) -> None:
        self.sshd = ThrowawaySshd("GatewayPorts clientspecified", "ClientAliveInterval 0")
        self.state = make_short_directory()
        self.port = free_port()
        self.members: dict[int, Member] = {}
        self.joins: set[str] = set()
        self.claims: list[tuple[str, str]] = []
        self.endpoints: list[tuple[str, int]] = [(self.sshd.host, self.sshd.port)]
        self.dial_in = 0.0
        self.not_yet = 0
        self.next_in = 1.0
        self.lost_answers = 0
        self.proves_keys = True
        self.fault: RefusedError | None = None
        self.answering = threading.Event()
        self.answering.set()
        self.host_ca = self._certify()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._server: BackchannelServer | None = None
        self._thread: threading.Thread | None = None
        self._certificates = Certificates(self.state, ("127.0.0.1",), clock.wall())

    def __enter__(self) -> Self:
        try:
            self.write_keys()
            self.sshd.start()
            self.start()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End everything and remove the directories."""
        self.answering.set()
        self.stop()
        self.sshd.close()
        shutil.rmtree(self.state)

    def start(self) -> None:
        """Serve the backchannel."""
        self._server = BackchannelServer(
            self, self._certificates, "127.0.0.1", self.port, limits=UNLIMITED
        )
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self._server.start(), self._loop).result(10)

    def stop(self) -> None:
        """Be away; nobody listens on the port."""
        if self._server is None or self._loop is None or self._thread is None:
            return
        asyncio.run_coroutine_threadsafe(self._server.close(), self._loop).result(30)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()
        self._server = None

    def invite(self) -> str:
        """Return a join string."""
        token = secrets.token_urlsafe(32)
        self.joins.add(hash_of(token))
        return encode(Join("127.0.0.1", self.port, token, self._certificates.pin))

    def write_keys(self) -> None:
        """Write authorized_keys as the members are now."""
        grants = [
            KeyGrant(number, key, SLOTS, tuple(member.ports.values()))
            for number, member in self.members.items()
            for key in member.keys
        ]
        (self.sshd.directory / "authorized_keys").write_text(text(grants))

    # Desk --------------------------------------------------------------------------------------

    def note_refusal(self, call: str, slug: str, source: str) -> None:
        """Nobody reads it."""

    async def authenticate(self, token_hash: str) -> int | None:
        """Look it up."""
        await self._pass()
        return next((n for n, one in self.members.items() if one.token == token_hash), None)

    async def register(
        self, join_hash: str, token_hash: str, request: messages.RegisterRequest, source: str
    ) -> messages.Registered:
        """Take the next number, or give the same answer again."""
        del source
        number = await self.authenticate(token_hash)
        if number is None and join_hash not in self.joins:
            raise RefusedError(Slug.JOIN_UNKNOWN, "there is no such join token")
        if number is None:
            self.joins.discard(join_hash)
            number = 1001 + len(self.members)
            self.members[number] = Member(token_hash, [request.key])
            self._allot(number, request.services)
        if self.lost_answers:
            self.lost_answers -= 1
            raise RefusedError(Slug.UNAVAILABLE, "cut off before the answer")
        return messages.Registered(
            registration=number,
            name=request.name,
            user=self.sshd.user,
            endpoints=self._ends(),
            host_ca=self.host_ca,
            host_alias=ALIAS,
            slots=SLOTS,
            services=self._allotted(number),
        )

    async def set_services(
        self, caller: Caller, request: messages.ServicesRequest
    ) -> messages.ServicesAnswer:
        """Give each a port; the same name keeps its port."""
        self._allot(caller.registration, request.services)
        return messages.ServicesAnswer(services=self._allotted(caller.registration))

    async def claim(
        self, caller: Caller, slot: str, request: messages.ClaimRequest
    ) -> messages.ClaimAnswer:
        """End whatever session listens on the slot's ports."""
        del request
        ports = set(self.members[caller.registration].ports.values())
        holders = [one for one in self.sshd.sessions() if _listens(one, slot, ports)]
        kill_all(holders)
        self.claims.append((slot, "ended" if holders else "none"))
        again = self.not_yet > 0
        self.not_yet -= again
        return messages.ClaimAnswer(
            holder="ended" if holders else "none", dial_in=self.dial_in, again=again
        )

    async def heartbeat(
        self, caller: Caller, request: messages.HeartbeatRequest
    ) -> messages.HeartbeatAnswer:
        """Keep it."""
        member = self.members[caller.registration]
        member.beats.append(request)
        self._look_for_proof(caller.registration)
        return messages.HeartbeatAnswer(
            next_in=self.next_in, keys=tuple(member.keys), endpoints=self._ends()
        )

    async def probe(self, caller: Caller, request: messages.ProbeRequest) -> messages.ProbeAnswer:
        """Be unable."""
        del caller, request
        return messages.ProbeAnswer(result="not-supported")

    async def propose_key(self, caller: Caller, request: messages.KeyRequest) -> messages.KeyAnswer:
        """Let it in besides the other one, and then alone."""
        member = self.members[caller.registration]
        if request.key != member.keys[-1]:
            member.keys = list(dict.fromkeys([member.keys[0], request.key]))
            self.write_keys()
        self._look_for_proof(caller.registration)
        return messages.KeyAnswer(state="proven" if member.keys[0] == request.key else "proposed")

    async def unregister(self, caller: Caller) -> messages.Unregistered:
        """Forget it and end its lanes."""
        del self.members[caller.registration]
        self.write_keys()
        self.sshd.kill_sessions()
        return messages.Unregistered(registration=caller.registration)

    # Below ---------------------------------------------------------------------------------------

    async def _pass(self) -> None:
        await asyncio.to_thread(self.answering.wait, 30)
        if self.fault is not None:
            raise self.fault

    def _ends(self) -> tuple[messages.Endpoint, ...]:
        return tuple(messages.Endpoint(host=host, port=port) for host, port in self.endpoints)

    def _allot(self, number: int, services: tuple[messages.WantedService, ...]) -> None:
        member = self.members[number]
        member.offered = services
        for each in services:
            member.ports.setdefault(each.name, free_port())
        self.write_keys()

    def _allotted(self, number: int) -> tuple[messages.AllottedService, ...]:
        member = self.members[number]
        return tuple(
            messages.AllottedService(name=one.name, kind=one.kind, port=member.ports[one.name])
            for one in member.offered
        )

    def _look_for_proof(self, number: int) -> None:
        keys = self.members[number].keys
        if len(keys) > 1 and self.proves_keys and self.has_let_in(keys[1]):
            self.members[number].keys = [keys[1]]
            self.write_keys()

    def has_let_in(self, key: str) -> bool:
        """Whether sshd says that it took this key; `none` is no key."""
        if key == "none":
            return False
        return any(
            "Accepted publickey" in line and fingerprint(key) in line
            for line in self.sshd.log.splitlines()
        )

    def _certify(self) -> str:
        """Sign the host key; return the CA's public key."""
        authority = self.state / "host_ca"
        key = self.sshd.directory / "host_key"
        run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(authority))
        run("ssh-keygen", "-q", "-s", str(authority), "-h", "-I", "test", "-n", ALIAS, f"{key}.pub")
        self.sshd.set_options(
            "GatewayPorts clientspecified",
            "ClientAliveInterval 0",
            f"HostCertificate {key}-cert.pub",
        )
        return " ".join(authority.with_suffix(".pub").read_text().split()[:2])


def _listens(process: psutil.Process, slot: str, ports: set[int]) -> bool:
    try:
        return any(
            one.status == psutil.CONN_LISTEN and one.laddr.ip == slot and one.laddr.port in ports
            for one in process.net_connections("tcp")
        )
    except psutil.Error:
        return False
