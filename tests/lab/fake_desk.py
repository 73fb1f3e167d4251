"""A gateway without sshd and HAProxy: `Desk` over dictionaries, behind the real server.

`written` grows with every call that changes something, so that a test can see that a refused one
did not.
"""

import asyncio
import contextlib
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path

from ground2cloud.backchannel import messages
from ground2cloud.backchannel.client import Client
from ground2cloud.backchannel.errors import RefusedError, Slug
from ground2cloud.backchannel.limits import Limits, Rate
from ground2cloud.backchannel.messages import Caller
from ground2cloud.backchannel.server import RENEW_INTERVAL, BackchannelServer
from ground2cloud.backchannel.tls import Certificates
from ground2cloud.config.model import Kind
from ground2cloud.core import clock

JOIN = "j" * 43
TOKEN = "t" * 43
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI" + "A" * 43
NEW_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI" + "B" * 43
HOST_CA = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI" + "C" * 43
SLOTS = ("127.0.0.1", "127.0.0.2", "127.0.0.3", "127.0.0.4")

UNLIMITED = Limits(joins=Rate(1e9, 1e9), failures=Rate(1e9, 1e9), calls=Rate(1e9, 1e9))


def hash_of(token: str) -> str:
    """As the server hands tokens to the desk."""
    return sha256(token.encode()).hexdigest().upper()


@dataclass
class FakeDesk:
    """Implements `Desk`; `fault` is raised by every call; `refused` is what the server noted."""

    joins: set[str] = field(default_factory=lambda: {hash_of(JOIN)})
    owners: dict[str, int] = field(default_factory=dict)
    revoked: set[str] = field(default_factory=set)
    keys: dict[int, list[str]] = field(default_factory=dict)
    written: list[str] = field(default_factory=list)
    asked: list[object] = field(default_factory=list)
    refused: list[tuple[str, str, str]] = field(default_factory=list)
    fault: Exception | None = None
    gate: threading.Event | None = None

    def note_refusal(self, call: str, slug: str, source: str) -> None:
        """Note it."""
        self.refused.append((call, str(slug), source))

    async def authenticate(self, token_hash: str) -> int | None:
        """Look it up."""
        if token_hash in self.revoked:
            raise RefusedError(Slug.REVOKED, "the registration was revoked")
        return self.owners.get(token_hash)

    async def register(
        self, join_hash: str, token_hash: str, request: messages.RegisterRequest, source: str
    ) -> messages.Registered:
        """Take the next number."""
        await self._note((source, request))
        who = self.owners.get(token_hash)
        if join_hash not in self.joins:
            raise RefusedError(Slug.JOIN_UNKNOWN, "there is no such join token")
        who = self.owners.get(token_hash)
        if who is None:
            who = 1001 + len(self.owners)
            self.owners[token_hash] = who
            self.keys[who] = [request.key]
            self.written.append("register")
        return messages.Registered(
            registration=who,
            name=request.name,
            user="ground2cloud",
            endpoints=(messages.Endpoint(host="g2c.example.com", port=22),),
            host_ca=HOST_CA,
            host_alias="ground2cloud-gateway",
            slots=SLOTS,
            services=allot(request.services),
        )

    async def set_services(
        self, caller: Caller, request: messages.ServicesRequest
    ) -> messages.ServicesAnswer:
        """Give each a port."""
        await self._note((caller, request))
        self.written.append("set-services")
        return messages.ServicesAnswer(services=allot(request.services))

    async def claim(
        self, caller: Caller, slot: str, request: messages.ClaimRequest
    ) -> messages.ClaimAnswer:
        """Find it free."""
        await self._note((caller, slot, request))
        if slot not in SLOTS:
            raise RefusedError(Slug.SLOT_UNKNOWN, "not a slot of this registration")
        self.written.append("claim")
        return messages.ClaimAnswer(holder="none", dial_in=0.25)

    async def heartbeat(
        self, caller: Caller, request: messages.HeartbeatRequest
    ) -> messages.HeartbeatAnswer:
        """Say when to come again."""
        await self._note((caller, request))
        self.written.append("heartbeat")
        return messages.HeartbeatAnswer(next_in=30, keys=tuple(self.keys[caller.registration]))

    async def probe(self, caller: Caller, request: messages.ProbeRequest) -> messages.ProbeAnswer:
        """Be unable."""
        await self._note((caller, request))
        return messages.ProbeAnswer(result="not-supported")

    async def propose_key(self, caller: Caller, request: messages.KeyRequest) -> messages.KeyAnswer:
        """Keep both."""
        await self._note((caller, request))
        old = self.keys[caller.registration][0]
        if request.key == old:
            self.keys[caller.registration] = [old]
            return messages.KeyAnswer(state="proven")
        self.keys[caller.registration] = [old, request.key]
        self.written.append("propose-key")
        return messages.KeyAnswer(state="proposed")

    async def unregister(self, caller: Caller) -> messages.Unregistered:
        """Forget."""
        await self._note(caller)
        self.owners = {
            token: who for token, who in self.owners.items() if who != caller.registration
        }
        self.written.append("unregister")
        return messages.Unregistered(registration=caller.registration)

    async def _note(self, what: object) -> None:
        self.asked.append(what)
        if self.gate is not None:
            await asyncio.to_thread(self.gate.wait, 20)
        if self.fault is not None:
            raise self.fault


def allot(wanted: tuple[messages.WantedService, ...]) -> tuple[messages.AllottedService, ...]:
    """Give ports from 11081 on."""
    return tuple(
        messages.AllottedService(name=one.name, kind=one.kind, port=11081 + place)
        for place, one in enumerate(wanted)
    )


def request(*names: str) -> messages.RegisterRequest:
    """Ask for HTTP services of these names."""
    services = tuple(messages.WantedService(name=name, kind=Kind.HTTP) for name in names)
    return messages.RegisterRequest(key=KEY, token=TOKEN, services=services, version="0.1.0")


@dataclass
class Place:
    """A running backchannel."""

    server: BackchannelServer
    certificates: Certificates
    desk: FakeDesk

    def client(self, token: str = TOKEN, timeout: float = 15.0) -> Client:
        """Make a client that has the right pin."""
        return Client(
            "127.0.0.1", self.server.port, pin=self.certificates.pin, token=token, timeout=timeout
        )

    def known(self, token: str = TOKEN, who: int = 1001) -> Client:
        """Let a registration exist; answer its client."""
        self.desk.owners[hash_of(token)] = who
        self.desk.keys.setdefault(who, [KEY])
        return self.client(token)


@contextlib.contextmanager
def serving(
    directory: Path,
    desk: FakeDesk | None = None,
    limits: Limits = UNLIMITED,
    renew_interval: float = RENEW_INTERVAL,
) -> Iterator[Place]:
    """Serve on loopback until the end of the block."""
    certificates = Certificates(directory, ("127.0.0.1", "g2c.example.com"), clock.wall())
    place = desk or FakeDesk()
    server = BackchannelServer(
        place, certificates, "127.0.0.1", 0, limits=limits, renew_interval=renew_interval
    )
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        asyncio.run_coroutine_threadsafe(server.start(), loop).result(10)
        yield Place(server, certificates, place)
    finally:
        asyncio.run_coroutine_threadsafe(server.close(), loop).result(30)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()
