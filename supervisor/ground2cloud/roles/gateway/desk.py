"""The gateway's end of the backchannel: what each call does. Implements `messages.Desk`."""

import logging
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

from ground2cloud.backchannel import messages
from ground2cloud.backchannel.errors import RefusedError, Slug
from ground2cloud.backchannel.limits import Buckets, Rate, source_of
from ground2cloud.backchannel.messages import Caller
from ground2cloud.core.clock import monotonic, wall
from ground2cloud.logs.fields import log
from ground2cloud.openssh.sshd.claims import Claim, Claimed
from ground2cloud.registry import checks
from ground2cloud.registry import errors as registry
from ground2cloud.registry.audit import Audit
from ground2cloud.registry.records import Registration
from ground2cloud.registry.store import Registry
from ground2cloud.roles.gateway import derive, system
from ground2cloud.roles.gateway.book import Book
from ground2cloud.roles.gateway.keyring import Keyring
from ground2cloud.roles.gateway.lanes import Lanes
from ground2cloud.roles.gateway.noting import Notes
from ground2cloud.roles.gateway.refusals import refusal, unavailable
from ground2cloud.roles.gateway.reports import Report, Reports

_log = logging.getLogger(__name__)

ON_THE_WAY = 0.2
"""Seconds that a claim may have been on its way: a lane that came meanwhile is spared."""

CHANGES = Rate(60, 0.1)
"""Changes of its services and its key by one agent. Each is written to the disk and to the audit
log, from which no change is ever left out."""


@dataclass(frozen=True, slots=True)
class Facts:
    """What every agent is told about this gateway."""

    user: str
    endpoints: tuple[messages.Endpoint, ...]
    host_ca: str
    host_alias: str


class GatewayDesk:
    """Answers the agents.

    Args:
        facts: what every agent is told.
        book: the registry.
        keyring: puts keys in force.
        lanes: who is logged in.
        reports: what agents tell of themselves.
        audit: the audit log.
        on_routes: called when what the router knows may have changed.
    """

    def __init__(
        self,
        *,
        facts: Facts,
        book: Book,
        keyring: Keyring,
        lanes: Lanes,
        reports: Reports,
        audit: Audit,
        on_routes: Callable[[], None],
    ) -> None:
        self.facts = facts
        self._book = book
        self._keyring = keyring
        self._lanes = lanes
        self._reports = reports
        self._audit = audit
        self._notes = Notes(audit)
        self._changes = Buckets(CHANGES)
        self._on_routes = on_routes
        self.claims: Counter[str] = Counter()
        """How claims ended, since the start."""
        self.taken: dict[tuple[int, str], str] = {}
        """By registration and slot: which ports something else has, as the last claim found it."""

    def note_refusal(self, call: str, slug: str, source: str) -> None:
        """Take a refusal by the server itself to the audit log."""
        who = source_of(source)
        self._notes.write(who, "refused", call=call, reason=str(slug), address=source)

    async def authenticate(self, token_hash: str) -> int | None:
        """Answer which registration has this agent token; None when nobody has it."""
        try:
            return (await self._book.ask(lambda it: it.by_token(token_hash))).id
        except registry.RefusedError as error:
            if error.reason == "revoked":
                raise refusal(error) from error
            return None
        except registry.RegistryError as error:
            raise unavailable() from error

    async def register(
        self, join_hash: str, token_hash: str, request: messages.RegisterRequest, source: str
    ) -> messages.Registered:
        """Make a registration, or answer with the one that this agent made by the same token."""
        services = [(each.name, each.kind) for each in request.services]

        def register(it: Registry) -> Registration:
            return it.register(
                join_hash,
                request.key,
                shown_name(request.name),
                services,
                agent_token_hash=token_hash,
                now=wall(),
            )

        try:
            made = await self._change("register", register, source)
        except RefusedError as error:
            again = await self._repeated(error, token_hash, request.key)
            if again is None:
                raise
            # What it offers may have been edited before it asked again.
            caller = Caller(registration=again.id, token_hash=token_hash, source=source)
            await self.set_services(caller, messages.ServicesRequest(services=request.services))
            return self._registered(self._mine(caller))
        self._audit.write(
            "registered",
            wall(),
            registration=made.id,
            name=made.name,
            address=source,
            services=[service.name for service in made.services],
            ports=[service.port for service in made.services],
        )
        self._lanes.claims.unbar(made.id)
        await self._in_force()
        self._on_routes()
        self._reports.see(made.id, wall(), source, request.version)
        return self._registered(made)

    async def set_services(
        self, caller: Caller, request: messages.ServicesRequest
    ) -> messages.ServicesAnswer:
        """Take over the services as they are configured now."""
        wanted = [(each.name, each.kind) for each in request.services]
        before = self._book.registrations.get(caller.registration)
        is_mine = before is not None and before.token_hash == caller.token_hash
        if before and is_mine and [(s.name, s.kind) for s in before.services] == wanted:
            if self._keyring.behind:  # the same call, repeated before its ports may be opened
                await self._in_force()
            return messages.ServicesAnswer(services=derive.allotted(before))
        changed = await self._change(
            "set-services",
            lambda it: it.set_services(caller.token_hash, wanted, wall()),
            caller.source,
            caller.registration,
        )
        self._audit.write(
            "services-set",
            wall(),
            registration=changed.id,
            address=caller.source,
            services=[service.name for service in changed.services],
            ports=[service.port for service in changed.services],
        )
        await self._in_force()
        self._on_routes()
        return messages.ServicesAnswer(services=derive.allotted(changed))

    async def claim(
        self, caller: Caller, slot: str, request: messages.ClaimRequest
    ) -> messages.ClaimAnswer:
        """End the stale holder of a slot of the caller, and say when to dial."""
        mine = self._mine(caller)
        self._check_slot("claim-refused", caller, mine, slot)
        ports = {service.port for service in mine.services}
        older_than = request.older_than + (ON_THE_WAY if request.older_than else 0.0)
        try:
            claim = await self._lanes.claim(mine.id, slot, ports, older_than)
        except OSError as error:
            text = f"no claim of registration {mine.id}: {error.strerror or error}"
            log(_log, logging.WARNING, "claim-failed", text)
            raise unavailable() from error
        self.claims[str(claim.outcome)] += 1
        self._notes.write(
            mine.id,
            "claim",
            registration=mine.id,
            slot=slot,
            outcome=str(claim.outcome),
            holder=claim.holder or None,
            took=round(claim.took, 3),
            address=caller.source,
        )
        self._note_taken(mine.id, slot, claim)
        if claim.outcome in {Claimed.FOREIGN, Claimed.STUCK}:
            message = f"a port of slot {slot} is held by {_holder(claim)}"
            raise RefusedError(Slug.CONFLICT, message, "the gateway's operator has to end it")
        begun = monotonic()
        admission = await self._lanes.turn(mine.id, slot, load=system.load(), crowd=caller.crowd)
        holder = {Claimed.ENDED: "ended", Claimed.SPARED: "kept"}.get(claim.outcome, "none")
        return messages.ClaimAnswer(
            holder=holder,  # type: ignore[arg-type] # one of the three
            dial_in=admission.wait,
            again=admission.again,
            # Its services may be others by now, and its lane may have come without this answer.
            probe=None
            if self._lanes.came_since(mine.id, slot, begun)
            else self._reports.paths.expect(self._mine(caller), slot),
        )

    async def heartbeat(
        self, caller: Caller, request: messages.HeartbeatRequest
    ) -> messages.HeartbeatAnswer:
        """Note how the agent is."""
        mine = self._mine(caller)
        self._reports.take(mine.id, Report(monotonic(), wall(), caller.source, request))
        return messages.HeartbeatAnswer(
            next_in=self._reports.next_in(len(self._book.registrations)),
            endpoints=self.facts.endpoints,
            keys=tuple(key for key in (mine.key, mine.next_key) if key is not None),
        )

    async def probe(self, caller: Caller, request: messages.ProbeRequest) -> messages.ProbeAnswer:
        """Send a nonce down a lane of the caller."""
        mine = self._mine(caller)
        self._check_slot("probe-refused", caller, mine, request.slot)
        try:
            return await self._reports.paths.prove(mine, request)
        except OSError as error:
            text = f"no probe of registration {mine.id}: {error.strerror or error}"
            log(_log, logging.WARNING, "probe-unsent", text)
            raise unavailable() from error

    async def propose_key(self, caller: Caller, request: messages.KeyRequest) -> messages.KeyAnswer:
        """Let a second key log in; the first ends when the second has carried a lane."""
        mine = self._mine(caller)
        if request.key == (mine.next_key or mine.key):
            if self._keyring.behind:
                await self._in_force()
            return messages.KeyAnswer(state="proposed" if mine.next_key else "proven")
        changed = await self._change(
            "propose-key",
            lambda it: it.propose_key(caller.token_hash, request.key),
            caller.source,
            mine.id,
        )
        act = "key-proposed" if changed.next_key else "key-withdrawn"
        self._audit.write(act, wall(), registration=changed.id, address=caller.source)
        await self._in_force()
        return messages.KeyAnswer(state="proposed" if changed.next_key else "proven")

    async def unregister(self, caller: Caller) -> messages.Unregistered:
        """Forget the caller and end its lanes."""
        try:
            identity = await self._book.forget(caller.token_hash, wall())
        except registry.RefusedError as error:
            raise refusal(error) from error
        except registry.RegistryError as error:
            raise unavailable() from error
        self._audit.write("unregistered", wall(), registration=identity, address=caller.source)
        self._lanes.claims.bar(identity)
        # First: there is no second call for it if the keys can't be written now.
        await self._lanes.end(identity)
        self._on_routes()
        await self._in_force()
        self._reports.forget(identity)
        return messages.Unregistered(registration=identity)

    def _check_slot(self, event: str, caller: Caller, mine: Registration, slot: str) -> None:
        """Refuse what is asked of a slot that the caller has not."""
        if slot in mine.slots:
            return
        self._notes.write(
            mine.id,
            event,
            registration=mine.id,
            slot=slot,
            reason=str(Slug.SLOT_UNKNOWN),
            address=caller.source,
        )
        raise RefusedError(Slug.SLOT_UNKNOWN, f"{slot} is no slot of registration {mine.id}")

    def _note_taken(self, identity: int, slot: str, claim: Claim) -> None:
        """Tell the operator, who alone can mend it."""
        if claim.outcome is not Claimed.FOREIGN:
            self.taken.pop((identity, slot), None)
            return
        text = f"a tunnel port of registration {identity} on {slot} is held by {_holder(claim)}"
        if self.taken.get((identity, slot)) != text:
            log(_log, logging.WARNING, "port-taken", text)
        self.taken[identity, slot] = text

    def _registered(self, made: Registration) -> messages.Registered:
        return messages.Registered(
            registration=made.id,
            name=made.name,
            user=self.facts.user,
            endpoints=self.facts.endpoints,
            host_ca=self.facts.host_ca,
            host_alias=self.facts.host_alias,
            slots=made.slots,
            services=derive.allotted(made),
        )

    async def _in_force(self) -> None:
        """Have the keys in force; an agent that is refused for it repeats its call."""
        try:
            await self._keyring.publish()
        except OSError as error:
            text = f"the keys can't be written: {error.strerror or error}"
            log(_log, logging.ERROR, "keys-unwritten", text)
            raise unavailable() from error

    def _mine(self, caller: Caller) -> Registration:
        """Answer the caller's registration as the book has it.

        The door has found the caller's token in the database. Where the book has another one, or
        none, one of the two is of a moment ago: the registration was renewed or given up since, or
        made at another gateway, and is news here. When the call comes again, the door knows which.
        """
        found = self._book.registrations.get(caller.registration)
        if found is None or found.token_hash != caller.token_hash:
            raise unavailable()
        if found.revoked_at is not None:
            raise RefusedError(Slug.REVOKED, "this registration was revoked")
        return found

    async def _repeated(
        self, error: RefusedError, token_hash: str, key: str
    ) -> Registration | None:
        """Answer the registration that the very same request made, whose answer got lost."""
        if error.slug != Slug.JOIN_USED:
            return None
        try:
            made = await self._book.ask(lambda it: it.by_token(token_hash))
        except registry.RefusedError:
            return None
        except registry.RegistryError as failure:  # "used" is the end of it for the agent
            raise unavailable() from failure
        return made if made.key == key else None

    async def _change(
        self,
        call: str,
        change: Callable[[Registry], Registration],
        source: str,
        registration: int | None = None,
    ) -> Registration:
        wait = 0.0 if registration is None else self._changes.take(registration, monotonic())
        if wait:
            raise RefusedError(Slug.TOO_MANY, "too many changes", retry_after=wait)
        try:
            return await self._book.change(change)
        except registry.RefusedError as error:
            self._notes.write(
                registration or source_of(source),
                "refused",
                call=call,
                reason=error.reason,
                registration=registration,
                address=source,
            )
            raise refusal(error) from error
        except registry.RegistryError as error:
            raise unavailable() from error


def shown_name(name: str) -> str:
    """Make a name that can be shown of what an agent calls itself, which need not be printable."""
    return (checks.clip(name.strip(), checks.NAME) or "").strip() or "agent"


def _holder(claim: Claim) -> str:
    if claim.outcome is Claimed.STUCK:
        return "a session that does not end"
    return claim.holder or "a program that can't be seen from here"
