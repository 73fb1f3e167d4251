"""One lane: an ssh with the forwards of its services, and how to start, change and describe it.

Before each run everything is decided afresh: which ssh, which session, which services. A change of
one service on a living lane goes through OpenSSH's control socket where there is one.
"""

import contextlib
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path

from ground2cloud.config.identity import Endpoint, Identity
from ground2cloud.config.locations import Locations
from ground2cloud.config.model import AgentConfig, Gateway, Service
from ground2cloud.core.addresses import join
from ground2cloud.core.backoff import BackoffPolicy
from ground2cloud.core.clock import monotonic
from ground2cloud.core.heartbeat import Heartbeat
from ground2cloud.core.spec import ChildSpec, Limits, Outcome, Prepared, RefusedError, Verdict
from ground2cloud.logs.fields import log
from ground2cloud.openssh import control, jump, system
from ground2cloud.openssh.aes import has_aes
from ground2cloud.openssh.forward import Forward
from ground2cloud.openssh.judging import LaneContext, refused
from ground2cloud.openssh.observer import LaneObserver
from ground2cloud.openssh.program import SshProgram, find_ssh
from ground2cloud.openssh.render import (
    Places,
    argv,
    authority_line,
    check_argv,
    known_hosts_line,
    lane_config,
)
from ground2cloud.rendering.atomic import write_atomic
from ground2cloud.roles.registration.link import LONGEST_TURN
from ground2cloud.roles.registration.placing import NOT_REGISTERED, slot_of
from ground2cloud.roles.registration.way import Way
from ground2cloud.roles.sessions import Sessions

_log = logging.getLogger(__name__)

START_GRACE = 30.0
"""Seconds beyond the connect timeout for authentication and forwards of a slow server, and beyond
the longest wait for a turn for the check of the files."""

UNPROVABLE_FOR = 600.0
"""Seconds for which a lane does without probes after the gateway did not grant them."""


async def _no_claim(_slot: str) -> Forward | None:
    """A plain sshd knows no claims, and sends no probes."""
    return None


@dataclass
class Shop:
    """What all lanes of an agent share; `config` and `places` are replaced at a reload.

    `on_unserved` is called with the port of an application that ssh could not reach. For a
    registered agent `identity` says who it is, `way` which endpoint to dial, and `claim` waits
    until a slot is free to take; it answers with the forward by which the path can be proved.
    """

    config: AgentConfig
    places: Locations
    sessions: Sessions
    on_unserved: Callable[[int], None]
    identity: Identity | None = None
    way: Way = field(default_factory=Way)
    claim: Callable[[str], Awaitable[Forward | None]] = _no_claim
    _ssh: SshProgram | None = None
    _asked: str = ""

    @property
    def gateway(self) -> Gateway:
        """Where to dial, and as whom: what the file says, else the identity and its endpoint."""
        if self.config.gateway is not None:
            return self.config.gateway
        endpoint = self.way.current
        assert self.identity is not None, "no lane is made before the agent is registered"
        assert endpoint is not None, "an identity has an endpoint"
        return Gateway(host=endpoint.host, ssh_port=endpoint.port, user=self.identity.user)

    @property
    def address(self) -> str:
        """The gateway's address for people."""
        if self.config.gateway is None and self.identity is None:
            return f"none: {NOT_REGISTERED}"
        return join(self.gateway.host, self.gateway.ssh_port)

    @property
    def registered(self) -> Identity | None:
        """The identity, where it is what counts."""
        return self.identity if self.config.gateway is None else None

    @property
    def server(self) -> str:
        """The account on the gateway, as a name for it: `user@host:port`."""
        gateway = self.gateway
        return f"{gateway.user}@{gateway.host}:{gateway.ssh_port}"

    @property
    def limits(self) -> Limits:
        """The times that govern a lane, from `[backoff]` and `[ssh]`."""
        backoff, ssh = self.config.backoff, self.config.ssh
        return Limits(
            BackoffPolicy(backoff.initial, backoff.maximum, backoff.reset_after),
            prepare_timeout=LONGEST_TURN + START_GRACE,
            start_timeout=ssh.connect_timeout + START_GRACE,
            dead_after=float(ssh.server_alive_interval * (ssh.server_alive_count_max + 1)),
        )

    @property
    def held(self) -> bool:
        """Whether the next run holds a session."""
        session = self.config.ssh.session
        return session == "held" or (session == "auto" and not self.sessions.refuses(self.server))

    @property
    def context(self) -> LaneContext:
        """What the verdicts name in their messages."""
        gateway, hops = self.gateway, self.config.ssh.jump
        return LaneContext(
            host=gateway.host,
            port=gateway.ssh_port,
            user=gateway.user,
            identity_file=self.places.identity_file,
            known_hosts=self.known_hosts,
            pinned=gateway.host_key is not None,
            jumps=tuple(hop.host for hop in jump.parse(hops)) if hops else (),
            session=self.held,
            registered=self.registered is not None,
            passing=self.way.passing,
        )

    @property
    def known_hosts(self) -> Path:
        """The user's file, or the one rendered from `gateway.host_key`."""
        return self.places.known_hosts or self.places.run / "known_hosts"

    async def ssh(self) -> SshProgram:
        """Find the ssh to run, once.

        Raises:
            RefusedError: there is none, or it is no OpenSSH.
        """
        if self._ssh is None or self._asked != self.config.ssh.program:
            self._asked = self.config.ssh.program
            found = await find_ssh(self._asked)
            if isinstance(found, Verdict):
                raise RefusedError(found)
            self._ssh = found
        return self._ssh


@dataclass
class Lane:
    """A lane's services and what its runs showed; moments are monotonic seconds.

    `poisoned` holds the remote ports that this connection must not forward again; `taken_since`
    when a port was first found taken; `confirmed_at` when the gateway confirmed a forward that was
    added to the living lane; `failed_at` when a run last ended without being asked to; `was_ready`
    whether it was ever up since it was last replaced. Of the newest run are `observer`,
    `heartbeat`, the endpoint it `dialled`, the ports that it is `permitted` since it logged in
    (None for any port), and the `probe`, a forward of its own by which the path is proved.
    `unprovable_since` is when the gateway did not grant one.
    """

    name: str
    services: tuple[Service, ...]
    shop: Shop
    ready_at: float | None = None
    ready_in: float | None = None
    poisoned: set[int] = field(default_factory=set)
    taken_since: dict[int, float] = field(default_factory=dict)
    confirmed_at: dict[str, float] = field(default_factory=dict)
    failed_at: float | None = None
    was_ready: bool = False
    session: str = "unknown"
    dialled: Endpoint | None = None
    permitted: frozenset[int] | None = None
    probe: Forward | None = None
    unprovable_since: float | None = None
    observer: LaneObserver | None = None
    heartbeat: Heartbeat | None = None
    _tagged: bool = False
    _context: LaneContext | None = None

    @property
    def forwards(self) -> tuple[Forward, ...]:
        """The services as ssh's forwards, and the probe."""
        services = tuple(self._forward(service) for service in self.services)
        return services if self.probe is None else (*services, self.probe)

    @property
    def slot(self) -> str | None:
        """The address that it binds on its gateway; None where each service says it."""
        identity = self.shop.registered
        return None if identity is None else slot_of(self.name, identity.slots)

    def may_add(self, service: Service) -> bool:
        """Whether the living connection could take this service up."""
        port = service.remote_port
        permitted = self.permitted is None or port in self.permitted
        return permitted and port not in self.poisoned

    @property
    def ports(self) -> frozenset[int]:
        """The applications' ports, by which the lane's connections are told."""
        return frozenset(service.port for service in self.services)

    def is_session_unwanted(self, verdict: Verdict) -> bool:
        """Whether a run ended because the account may forward, but not hold a session.

        Some accounts end the session with a code, some (`internal-sftp`) without a word; none of
        them ever echoes a heartbeat.
        """
        echoed = self.heartbeat is not None and self.heartbeat.answered_at is not None
        return not echoed and verdict.reason in {"session-refused", "session-ended"}

    def spec(self) -> ChildSpec:
        """How the supervisor runs it."""
        return ChildSpec(
            name=self.name,
            prepare=self._prepare,
            observe=self._observe,
            limits=self.shop.limits,
            refused=lambda words: refused(words, self._context or self.shop.context),
            env=system.CHILD_ENVIRONMENT,
        )

    def _observe(self) -> LaneObserver:
        self.observer = LaneObserver(
            self.forwards,
            self._context or self.shop.context,
            tagged=self._tagged,
            on_application_failure=lambda _host, port: self.shop.on_unserved(port or 0),
        )
        return self.observer

    async def _prepare(self) -> Prepared:
        shop = self.shop
        ssh = await shop.ssh()
        self._tagged = ssh.log_verbose
        socket = self._control_path(ssh)
        if socket is not None:
            control.remove_stale(socket)
        identity = shop.registered
        self.probe = self.dialled = None
        if identity is not None:
            await self._ask_for_slot(identity)
        if shop.config.gateway is None and shop.identity is None:
            raise RefusedError(Verdict(Outcome.PERMANENT, "not-registered", NOT_REGISTERED))
        self._context = shop.context
        changed = self._write_known_hosts()
        held = shop.held
        self.session = "unknown" if held else "none"
        places = Places(
            self._file, shop.places.identity_file, (shop.known_hosts,), socket, _next_key(shop)
        )
        file = self._file
        try:
            text = lane_config(
                shop.gateway,
                shop.config.ssh,
                self.forwards,
                places,
                ssh,
                aes=has_aes(),
                alias=identity.host_alias if identity is not None else None,
            )
        except ValueError as error:
            # What only this very ssh can't express: a quotation mark in a path, before 8.7.
            message = f"{ssh.text} can't be told this: {error}"
            raise RefusedError(Verdict(Outcome.PERMANENT, "config-bad", message)) from error
        changed = write_atomic(file, text) or changed
        return Prepared(
            argv(ssh, file, session=held),
            check_argv(ssh, file),
            changed,
            heartbeat=float(shop.config.ssh.server_alive_interval) if held else None,
        )

    async def _ask_for_slot(self, identity: Identity) -> None:
        """Claim the slot; a lane with a name of its own (the doctor's) takes nothing away."""
        slot = slot_of(self.name, identity.slots)
        if self.name.startswith("lane"):
            probe = await self.shop.claim(slot)
            since = self.unprovable_since
            if since is None or monotonic() - since > UNPROVABLE_FOR:
                self.probe = probe
        self.dialled = self.shop.way.current
        self.permitted = frozenset(identity.ports.values())

    def _write_known_hosts(self) -> bool:
        shop, identity = self.shop, self.shop.registered
        if identity is not None:
            line: str | None = authority_line(identity.host_alias, identity.host_ca)
        else:
            line = known_hosts_line(shop.gateway)
        return line is not None and write_atomic(shop.known_hosts, line)

    def clear(self) -> None:
        """Take away what the lane's runs left in the run directory, once it has ended for good."""
        socket = control.control_path(self.shop.places.run, self.name)
        with contextlib.suppress(OSError):
            if socket is not None:
                control.remove_stale(socket)
            self._file.unlink(missing_ok=True)

    @property
    def _file(self) -> Path:
        return self.shop.places.run / f"{self.name}.ssh_config"

    def _control_path(self, ssh: SshProgram) -> Path | None:
        if not ssh.control_socket:
            return None
        return control.control_path(self.shop.places.run, self.name)

    async def live_change(self, drop: Service | None, add: Service | None) -> bool:
        """Change the living ssh: withdraw one forward, offer another; answer whether it did.

        After False the connection has to be replaced if something was withdrawn, and its port of
        `add` must never be forwarded on this connection again (openssh's own bug: it would lead to
        the old target).
        """
        ssh = await self.shop.ssh()
        socket = self._control_path(ssh)
        if socket is None:
            return False
        answer = await self._order(socket, drop, add)
        if not answer:
            if add is not None:
                self.poisoned.add(add.remote_port)
            log(_log, logging.INFO, "live-change-failed", f"ssh did not do it: {answer.words}")
            return False
        if add is not None:
            self.confirmed_at[add.name] = monotonic()
        return True

    async def _order(
        self, socket: Path, drop: Service | None, add: Service | None
    ) -> control.Answer:
        if drop is not None and add is not None:
            return await control.move(socket, self._forward(drop), self._forward(add))
        if drop is not None:
            return await control.cancel(socket, self._forward(drop))
        assert add is not None
        return await control.forward(socket, self._forward(add))

    def _forward(self, service: Service) -> Forward:
        """The service as ssh's forward."""
        return Forward(
            name=service.name,
            bind=self.slot or service.remote_bind,
            port=service.remote_port,
            host=service.host,
            target_port=service.port,
        )


def _next_key(shop: Shop) -> Path | None:
    """The key of a rotation that goes on: until it is proven the gateway may take either."""
    identity = shop.registered
    if identity is None or identity.next_key is None:
        return None
    return shop.places.state / identity.next_key
