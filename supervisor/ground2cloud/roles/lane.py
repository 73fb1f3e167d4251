"""One lane: an ssh with the forwards of its services, and how to start, change and describe it.

Before each run everything is decided afresh: which ssh, which session, which services. A change of
one service on a living lane goes through OpenSSH's control socket where there is one.
"""

import contextlib
import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from ground2cloud.config.locations import Locations
from ground2cloud.config.model import AgentConfig, Service
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
from ground2cloud.openssh.render import Places, argv, check_argv, known_hosts_line, lane_config
from ground2cloud.rendering.atomic import write_atomic
from ground2cloud.roles.sessions import Sessions

_log = logging.getLogger(__name__)

START_GRACE = 30.0
"""Seconds beyond the connect timeout for authentication and forwards of a slow server."""


@dataclass
class Shop:
    """What all lanes of an agent share; `config` and `places` are replaced at a reload.

    `on_unserved` is called with the port of an application that ssh could not reach.
    """

    config: AgentConfig
    places: Locations
    sessions: Sessions
    on_unserved: Callable[[int], None]
    _ssh: SshProgram | None = None
    _asked: str = ""

    @property
    def server(self) -> str:
        """The account on the gateway, as a name for it: `user@host:port`."""
        gateway = self.config.gateway
        return f"{gateway.user}@{gateway.host}:{gateway.ssh_port}"

    @property
    def limits(self) -> Limits:
        """The times that govern a lane, from `[backoff]` and `[ssh]`."""
        backoff, ssh = self.config.backoff, self.config.ssh
        return Limits(
            BackoffPolicy(backoff.initial, backoff.maximum, backoff.reset_after),
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
        gateway, hops = self.config.gateway, self.config.ssh.jump
        return LaneContext(
            host=gateway.host,
            port=gateway.ssh_port,
            user=gateway.user,
            identity_file=self.places.identity_file,
            known_hosts=self.known_hosts,
            pinned=gateway.host_key is not None,
            jumps=tuple(hop.host for hop in jump.parse(hops)) if hops else (),
            session=self.held,
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
    added to the living lane; `failed_at` when a run last ended without being asked to. `observer`
    and `heartbeat` are those of the newest run.
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
    observer: LaneObserver | None = None
    heartbeat: Heartbeat | None = None
    _tagged: bool = False

    @property
    def forwards(self) -> tuple[Forward, ...]:
        """The services as ssh's forwards."""
        return tuple(forward_of(service) for service in self.services)

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
            refused=lambda words: refused(words, self.shop.context),
            env=system.CHILD_ENVIRONMENT,
        )

    def _observe(self) -> LaneObserver:
        self.observer = LaneObserver(
            self.forwards,
            self.shop.context,
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
        line = known_hosts_line(shop.config.gateway)
        changed = line is not None and write_atomic(shop.known_hosts, line)
        held = shop.held
        self.session = "unknown" if held else "none"
        file = self._file
        places = Places(file, shop.places.identity_file, (shop.known_hosts,), socket)
        try:
            text = lane_config(
                shop.config.gateway, shop.config.ssh, self.forwards, places, ssh, aes=has_aes()
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
        answer = await _order(socket, drop, add)
        if not answer:
            if add is not None:
                self.poisoned.add(add.remote_port)
            log(_log, logging.INFO, "live-change-failed", f"ssh did not do it: {answer.words}")
            return False
        if add is not None:
            self.confirmed_at[add.name] = monotonic()
        return True


async def _order(socket: Path, drop: Service | None, add: Service | None) -> control.Answer:
    if drop is not None and add is not None:
        return await control.move(socket, forward_of(drop), forward_of(add))
    if drop is not None:
        return await control.cancel(socket, forward_of(drop))
    assert add is not None
    return await control.forward(socket, forward_of(add))


def forward_of(service: Service) -> Forward:
    """The service as ssh's forward."""
    return Forward(
        name=service.name,
        bind=service.remote_bind,
        port=service.remote_port,
        host=service.host,
        target_port=service.port,
    )
