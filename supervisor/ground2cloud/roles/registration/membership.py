"""The running agent's registration: its identity, the way to its gateway, the backchannel."""

import dataclasses
import logging
from collections.abc import Callable, Iterable
from pathlib import Path

from ground2cloud.backchannel.messages import HeartbeatRequest
from ground2cloud.config.identity import Endpoint, Identity
from ground2cloud.config.locations import Locations
from ground2cloud.config.model import AgentConfig
from ground2cloud.core import addresses
from ground2cloud.core.clock import iso_at
from ground2cloud.core.spec import Verdict
from ground2cloud.errors import ConfigError
from ground2cloud.logs.fields import log
from ground2cloud.openssh.forward import Forward
from ground2cloud.roles.registration.link import Link, Wanted
from ground2cloud.roles.registration.paths import Paths
from ground2cloud.roles.registration.placing import NOT_REGISTERED, REGISTER_HINT
from ground2cloud.roles.registration.store import Store
from ground2cloud.roles.registration.way import ELSEWHERE, Way
from ground2cloud.web.messages import Light, LightState, RegistrationStatus

_log = logging.getLogger(__name__)

_LIGHTS: dict[bool | None, LightState] = {None: "unknown", True: "up", False: "down"}


class Membership:
    """What the agent knows as a registered one; with `[gateway]` in its file it is none.

    Args:
        state: the state directory.
        report: makes the heartbeat.
        wanted: the services as configured now.
        on_change: called on the loop when the gateway changed the identity.
        probed: the slots of the lanes that are up and can be probed.
    """

    def __init__(
        self,
        state: Path,
        report: Callable[[], HeartbeatRequest],
        wanted: Callable[[], Wanted],
        on_change: Callable[[], None],
        probed: Callable[[], Iterable[str]],
    ) -> None:
        self.store = Store(state)
        self.way = Way()
        self.identity: Identity | None = None
        self.problem = ""
        self._on_change = on_change
        self.paths = Paths(probed)
        self._link = Link(self.store, report, wanted, self._changed, self.paths.prove)
        self._active = False

    @property
    def path(self) -> Path:
        """The file to watch."""
        return self.store.path

    def start(self) -> None:
        """Begin to speak with the gateway."""
        self._link.start()

    def close(self) -> None:
        """End that, and let no lane wait for it."""
        self._link.close()
        self.paths.close()

    def load(self, config: AgentConfig) -> None:
        """Read the identity; keep the one there is if the file can't be used now."""
        self._active = config.gateway is None
        problem, identity = "", None
        if self._active:
            try:
                identity = self.store.read()
            except ConfigError as error:
                identity, problem = self.identity, error.message
        if problem and problem != self.problem:
            log(_log, logging.ERROR, "identity-bad", problem)
        self.problem = problem
        self._take(identity)
        self._link.use(identity)

    def news(self) -> None:
        """Something worth a heartbeat happened."""
        self._link.poke()

    async def claim(self, slot: str) -> Forward | None:
        """Claim a slot before dialling; never fails.

        Answers with what the lane forwards for the path to be proved, where the gateway does that.
        """
        answer = await self._link.claim(slot)
        if answer is None or answer.probe is None:
            return None
        return await self.paths.forward(answer.probe)

    def ended(self, tried: Endpoint | None, verdict: Verdict, *, was_ready: bool) -> bool:
        """Note how a run of a lane ended; answer whether another endpoint is to be tried."""
        if was_ready or verdict.reason not in ELSEWHERE:
            return False
        untried = self.way.failed(tried)
        now = self.way.current
        if now is not None and now != tried:
            message = f"trying the gateway's next endpoint, {addresses.join(now.host, now.port)}"
            log(_log, logging.INFO, "endpoint-next", message)
        return untried

    def placed(self, places: Locations) -> Locations:
        """The places with the files of the identity."""
        if not self._active:
            return places
        store = self.store
        key = store.state / self.identity.key if self.identity is not None else places.identity_file
        return dataclasses.replace(places, identity_file=key, known_hosts=store.known_hosts)

    def status(self) -> RegistrationStatus | None:
        """What is known of it now; None where the file says where the gateway is."""
        if not self._active:
            return None
        identity, state = self.identity, self._link.state
        if identity is None:
            return RegistrationStatus(problem=self.problem or NOT_REGISTERED, hint=REGISTER_HINT)
        line = identity.backchannel
        light = _LIGHTS[state.up]
        return RegistrationStatus(
            id=identity.registration,
            name=identity.name,
            problem=self.problem or state.refusal,
            slots=identity.slots,
            endpoints=tuple(addresses.join(each.host, each.port) for each in self.way.endpoints),
            backchannel=addresses.join(line.host, line.port),
            light=Light(light, iso_at(state.at), state.detail),
            clock_skew=state.skew,
            round_trip=state.round_trip,
            rotating=identity.next_key is not None,
        )

    def _changed(self, identity: Identity) -> None:
        self._take(identity)
        self._on_change()

    def _take(self, identity: Identity | None) -> None:
        self.identity = identity
        self.way.set(identity.endpoint if identity is not None else ())
