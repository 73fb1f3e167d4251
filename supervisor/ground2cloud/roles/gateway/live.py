"""The configuration of a running gateway: an edit is taken up as a whole, or not at all."""

import asyncio
import dataclasses
import logging
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from ground2cloud.backchannel.tls import Certificates
from ground2cloud.config.gateway_model import GatewayConfig
from ground2cloud.config.load import load_gateway
from ground2cloud.config.locations import GatewayLocations, locate_gateway
from ground2cloud.core.clock import monotonic, wall
from ground2cloud.core.spec import Outcome, Verdict
from ground2cloud.core.states import State
from ground2cloud.core.supervise import Supervisor
from ground2cloud.errors import ConfigError, Ground2CloudError
from ground2cloud.logs.fields import log
from ground2cloud.logs.setup import Owner
from ground2cloud.openssh.sshd.ca import HostIdentity
from ground2cloud.openssh.sshd.child import NAME as SSHD
from ground2cloud.openssh.sshd.child import SshdChild
from ground2cloud.registry.audit import Audit
from ground2cloud.registry.store import Registry
from ground2cloud.reload.gateway_diff import GatewayChanges, gateway_diff, merged
from ground2cloud.reload.watch import FileWatch
from ground2cloud.roles.gateway import foundation, ports
from ground2cloud.roles.gateway.desk import GatewayDesk
from ground2cloud.roles.gateway.doors import Doors
from ground2cloud.roles.gateway.lanes import Lanes
from ground2cloud.roles.gateway.making import facts, pace, router_settings, sshd_settings
from ground2cloud.roles.gateway.narrate import TITLES, describe
from ground2cloud.roles.gateway.routing import Router
from ground2cloud.web.messages import Answer

_log = logging.getLogger(__name__)

LISTEN_WITHIN = 15.0
"""Seconds for sshd to listen again after a reload; it takes 20 ms."""

UP_WITHIN = 15.0
"""Seconds for a program that was not up to come up with the new configuration."""

_LOOK = 0.02


@dataclass(frozen=True, slots=True)
class Parts:
    """What the configuration is put in force in."""

    supervisor: Supervisor
    sshd: SshdChild
    router: Router
    lanes: Lanes
    doors: Doors
    desk: GatewayDesk
    certificates: Certificates
    registry: Registry
    owner: Owner
    watch: FileWatch
    audit: Audit


class _RefusedError(Exception):
    """This configuration can't be put in force; `lines` say why."""

    def __init__(self, lines: Iterable[str]) -> None:
        super().__init__()
        self.lines = tuple(lines)


class LiveConfiguration:
    """What is in force, and the way from there to what the file says.

    Attributes:
        config: in force now.
        places: where things are now.
        problems: of the file and of the certificate, as they were when they were last read; and
            what of the file waits for a start.

    Args:
        path: the file.
        config: what it said at the start.
        places: where things were then.
        identity: what agents know sshd by.
        parts: made of it.
    """

    def __init__(
        self,
        path: Path,
        config: GatewayConfig,
        places: GatewayLocations,
        identity: HostIdentity,
        parts: Parts,
    ) -> None:
        self.config = config
        self.places = places
        self._path = path
        self._identity = identity
        self._names: tuple[str, ...] | None = foundation.names(config)
        self._parts = parts
        self._bad: tuple[str, ...] = ()
        self._late: tuple[str, ...] = ()
        self._certificate = ""
        self._changing = asyncio.Lock()

    @property
    def problems(self) -> tuple[str, ...]:
        """What is wrong with the file, and what of it waits for the next start."""
        certificate = (self._certificate,) if self._certificate else ()
        bad = (f"{line} (what ran before goes on)" for line in self._bad)
        return (*bad, *certificate, *(_late(key) for key in self._late))

    @property
    def files(self) -> tuple[Path, ...]:
        """The files whose change is one of the configuration."""
        certificate = self.places.certificate
        return (self._path, *([certificate] if certificate is not None else []))

    async def reload(self) -> Answer:
        """Load the file again and put in force what is different; keep what runs if it is bad."""
        async with self._changing:
            self._parts.watch.reading(self._path)
            try:
                new = load_gateway(self._path)
            except ConfigError as error:
                return self._refuse(str(problem) for problem in error.problems)
            changes = gateway_diff(self.config, new)
            before = self.config, self.places
            try:
                await self._put(merged(self.config, new))
            except _RefusedError as refusal:
                await self._put_back(*before)
                return self._refuse(refusal.lines)
            self._accept(changes)
            down = await self._down()
            message = describe(changes)
            return Answer(ok=not down, message="; ".join([message, *down]) if down else message)

    async def renew_certificate(self) -> None:
        """Have the router take up its certificate, whose file has changed."""
        async with self._changing:
            verdict = await self._parts.router.reload()
        if verdict is None:
            self._certificate = ""
            text = "the router's certificate has changed, and is in use"
            log(_log, logging.INFO, "certificate-changed", text)
        else:
            self._certificate = f"the router keeps the certificate it had: {_words(verdict)}"
            log(_log, logging.ERROR, "certificate-bad", self._certificate)

    async def _put(self, config: GatewayConfig) -> None:
        """Put a configuration in force.

        Raises:
            _RefusedError: something does not go; what went before is in force, and must go back.
        """
        found = locate_gateway(config, self._path, os.environ)
        places = dataclasses.replace(found, state=self.places.state, run=self.places.run)
        faults = [
            f"{self._path.name}: {key}: {words}" for key, words in unusable(self.config, config)
        ]
        if faults:
            raise _RefusedError(faults)
        try:
            router = router_settings(config, places, foundation.RunFiles(places.run))
            sshd = sshd_settings(config, places)
        except (ValueError, Ground2CloudError, OSError) as error:
            raise _RefusedError([f"{self._path.name}: {error}"]) from error
        parts = self._parts
        parts.router.settings = router
        self._require(await parts.router.reload(), "[router]")
        try:
            await self._rename(config, places)
        except (ValueError, Ground2CloudError, OSError) as error:
            raise _RefusedError([f"{self._path.name}: [gateway]: {error}"]) from error
        parts.sshd.settings = sshd
        self._require(await self._reload_sshd(), "[ssh]")
        try:
            await parts.doors.move(config)
        except OSError as error:
            words = f"{self._path.name}: [backchannel]: {error.strerror or error}"
            raise _RefusedError([words]) from error
        self._tell_rest(config, places)
        self.config, self.places = config, places

    async def _put_back(self, config: GatewayConfig, places: GatewayLocations) -> None:
        """Have in force again what was before an edit that was refused half-way."""
        self.config, self.places = config, places
        try:
            await self._put(config)
        except _RefusedError as refusal:
            for line in refusal.lines:
                log(_log, logging.ERROR, "config-not-restored", line)

    async def _rename(self, config: GatewayConfig, places: GatewayLocations) -> None:
        """Be good for the names of this configuration."""
        names = foundation.names(config)
        if names == self._names:
            return
        self._names = None  # until both are made: what fails between has to be put back
        keygen = self._parts.sshd.program.keygen
        self._identity = await foundation.host_identity(config, places, keygen)
        await asyncio.to_thread(self._parts.certificates.rename, names, wall())
        self._names = names

    def _tell_rest(self, config: GatewayConfig, places: GatewayLocations) -> None:
        parts, before = self._parts, self.config
        parts.desk.facts = facts(config, self._identity)
        parts.lanes.pacing.pace = pace(config)
        parts.registry.offer(foundation.ports(config))
        parts.audit.bound(config.audit.max_size, config.audit.keep)
        if config.log != before.log or places.log_file != parts.owner.file:
            parts.owner.apply(config.log, places.log_file)
        if config.tunnels != before.tunnels:
            warn_of_ports(config)
        if config.backchannel.port != before.backchannel.port:
            text = (
                f"agents that are registered know the backchannel at port {before.backchannel.port}"
                f" and not at {config.backchannel.port}; their lanes go on, but they can't report"
            )
            log(_log, logging.WARNING, "backchannel-moved", text)

    async def _reload_sshd(self) -> Verdict | None:
        """Have sshd take up its settings; wait until it listens by them."""
        supervisor, sshd = self._parts.supervisor, self._parts.sshd
        installed, rounds = sshd.installed, sshd.rounds
        launches = supervisor.child(SSHD).launches
        verdict = await supervisor.reload(SSHD)
        if verdict is not None or sshd.installed == installed or not supervisor.is_ready(SSHD):
            return verdict
        deadline = monotonic() + LISTEN_WITHIN
        while monotonic() < deadline:
            child = supervisor.child(SSHD)
            if child.launches != launches or child.state is not State.READY:
                return child.verdict or _NOT_LISTENING
            if sshd.rounds > rounds:
                return None
            await asyncio.sleep(_LOOK)
        return _NOT_LISTENING

    async def _down(self) -> list[str]:
        """Wait for programs that are about to start; say which are not up, and why."""
        supervisor = self._parts.supervisor
        deadline = monotonic() + UP_WITHIN
        while monotonic() < deadline:
            if all(supervisor.child(name).state is not State.STARTING for name in supervisor.names):
                break
            await asyncio.sleep(_LOOK)
        return [
            f"{TITLES.get(name, name)} is not up: {verdict.message if verdict else 'starting'}"
            for name in supervisor.names
            if not supervisor.is_ready(name)
            for verdict in [supervisor.child(name).verdict]
        ]

    def _require(self, verdict: Verdict | None, table: str) -> None:
        if verdict is not None:
            raise _RefusedError([f"{self._path.name}: {table}: {_words(verdict)}"])

    def _accept(self, changes: GatewayChanges) -> None:
        if self._bad:
            log(_log, logging.INFO, "config-good", f"{self._path.name} is good again")
        self._bad, self._certificate = (), ""  # the router has loaded it, or none
        for key in changes.at_start:
            if key not in self._late:
                log(_log, logging.WARNING, "restart-needed", _late(key))
        self._late = changes.at_start
        if changes.live:
            text = f"configuration applied: {describe(changes)}"
            log(_log, logging.INFO, "reloaded", text)

    def _refuse(self, lines: Iterable[str]) -> Answer:
        bad = tuple(lines)
        if bad != self._bad:
            for line in bad:
                log(_log, logging.ERROR, "config-bad", line)
            log(_log, logging.WARNING, "config-kept", "the running configuration stays")
        self._bad = bad
        return Answer(ok=False, problems=bad)


_NOT_LISTENING = Verdict(Outcome.TRANSIENT, "sshd-not-listening", "sshd does not listen by it")


def _words(verdict: Verdict) -> str:
    said = f" ({verdict.evidence.splitlines()[0]})" if verdict.evidence else ""
    return f"{verdict.message}{said}"


def _late(key: str) -> str:
    return f"{key} takes effect when the gateway is started again"


def warn_of_ports(config: GatewayConfig) -> None:
    """Log it where tunnel ports may be taken by chance."""
    words = ports.lent_by_chance(config)
    if words:
        log(_log, logging.WARNING, "ports-lent", words)


def unusable(old: GatewayConfig, new: GatewayConfig) -> Iterable[tuple[str, str]]:
    """Yield the keys that name places on which the gateway does not listen yet, and can't."""
    before, after = ports.listens(old), ports.listens(new)
    for key, (hosts, port) in after.items():
        if port and key in before and port == before[key][1]:
            continue  # it is ours: from one address to all, or back
        for host in hosts:
            words = ports.why_not(host, port)
            if words is not None:
                yield key, words
