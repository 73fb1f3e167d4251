"""The gateway's desk over a registry, without its sshd: keys are written to a list."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from ground2cloud.backchannel.messages import Caller, RegisterRequest, WantedService
from ground2cloud.config.model import Kind
from ground2cloud.core.clock import wall
from ground2cloud.openssh.sshd.authorized import KeyGrant
from ground2cloud.openssh.sshd.pacing import Pace, Pacing
from ground2cloud.openssh.sshd.sessions import Sessions
from ground2cloud.openssh.sshd.strays import Strays
from ground2cloud.registry.audit import Audit
from ground2cloud.registry.records import Invite, Registration
from ground2cloud.registry.store import Registry
from ground2cloud.registry.tokens import digest
from ground2cloud.rendering.atomic import write_atomic
from ground2cloud.roles.gateway.book import Book
from ground2cloud.roles.gateway.desk import Facts, GatewayDesk
from ground2cloud.roles.gateway.keyring import Keyring
from ground2cloud.roles.gateway.lanes import Lanes
from ground2cloud.roles.gateway.reports import Reports
from tests.lab.fake_desk import HOST_CA
from tests.lab.registering import make_key

FACTS = Facts(user="gateway", endpoints=(), host_ca=HOST_CA, host_alias="gateway")


class RealDesk(GatewayDesk):
    """Answers as a gateway does.

    Attributes:
        book: what the gateway knows.
        lanes: who is logged in: nobody.
        keys: those that sshd was given last.
        audit_file: what was written of it all.
    """

    def __init__(self, registry: Registry, directory: Path) -> None:
        self.book = Book(registry)
        self.keys: list[KeyGrant] = []
        self.audit_file = directory / "audit.log"
        sessions = Sessions(directory / "sessions.jsonl", write_atomic)
        self.lanes = lanes = Lanes(
            sessions,
            Strays(directory / "listeners", write_atomic, sessions),
            Pacing(Pace(at_once=9, in_crowd=9)),
            on_change=lambda _places: None,
            on_login=lambda _session: None,
        )
        sshd: Any = self
        super().__init__(
            facts=FACTS,
            book=self.book,
            keyring=Keyring(self.book, sshd, lanes, self._reload),
            lanes=lanes,
            reports=Reports(),
            audit=Audit(self.audit_file),
            on_routes=lambda: None,
        )

    def write_keys(self, grants: Iterable[KeyGrant]) -> bool:
        """Take what sshd would be given."""
        self.keys = list(grants)
        return False

    async def _reload(self) -> None:
        """There is nothing to reload."""

    async def join(self, name: str, renews: int | None = None) -> Caller:
        """Register an agent of this name, by a new join string; answer who it then is."""
        invite = Invite(None, (), wall() + 3600, renews)
        token = self.book.registry.invite(invite, wall())
        made = await self.register(digest(token), digest(name), asking(name), "192.0.2.1")
        return Caller(registration=made.registration, token_hash=digest(name), source="192.0.2.1")

    def known(self, caller: Caller) -> Registration:
        """What the database says of a registration."""
        return self.book.registry.registration(caller.registration)


def asking(name: str, *services: str) -> RegisterRequest:
    """What an agent of this name sends."""
    wanted = tuple(WantedService(name=each, kind=Kind.HTTP) for each in services or ("web",))
    return RegisterRequest(key=make_key(name), token="t" * 43, services=wanted, name=name)
