"""Change the key of a registration; number, ports and lanes stay.

The steps, and why the program may die between any two of them:

1. a new key is made                   the file is nobody's: the next try removes it
2. identity.toml names it as next_key  lanes offer the present key, and then this one
3. the gateway is told of it           it takes both
4. a lane of its own carries it        from now on the gateway takes the new key alone, and
                                       lanes, which offer both, get in
5. identity.toml names it as the key   done; the running agent dials with it the next time
6. the old key is removed              or by the next command

The lane of step 4 binds the last slot for a moment, so that the lanes that run are not disturbed.
After step 4 nothing goes back: where it is not known whether the gateway saw it, both keys stay,
and the same command again goes on from there.
"""

import asyncio
import contextlib
import dataclasses
from dataclasses import dataclass

from msgspec.structs import replace

from ground2cloud.backchannel.client import Client
from ground2cloud.backchannel.messages import KeyAnswer
from ground2cloud.config.identity import Identity
from ground2cloud.config.locations import Locations
from ground2cloud.config.model import AgentConfig
from ground2cloud.core.clock import monotonic
from ground2cloud.core.spec import Verdict
from ground2cloud.errors import Ground2CloudError
from ground2cloud.roles.doctor.trial import try_lane
from ground2cloud.roles.registration.asking import ask, client_of
from ground2cloud.roles.registration.joining import WITHIN, hand_over, provide_key
from ground2cloud.roles.registration.placing import NOT_REGISTERED, REGISTER_HINT, placed
from ground2cloud.roles.registration.store import Store
from ground2cloud.roles.registration.way import ELSEWHERE

PROVEN_WITHIN = 10.0
"""Seconds for the gateway to notice the lane of the new key; it reads it in sshd's log."""

_LOOK_EVERY = 0.2

_MAYBE_IN = frozenset({"link-dead", "server-closed", "not-ready"})

NOT_TAKEN = (ELSEWHERE - _MAYBE_IN) | {
    "check-failed",
    "config-bad",
    "files-unwritable",
    "key-encrypted",
    "key-missing",
    "key-unusable",
    "penalised",
    "permission-denied",
    "program-missing",
    "server-full",
}
"""Ends of the lane of step 4 that show that it never was let in."""


class UnfinishedError(Ground2CloudError):
    """Both keys stay in use; the same command again goes on."""

    def __init__(self, message: str) -> None:
        super().__init__(
            f"{message}; both keys stay in use until it is known which of them counts",
            "run ground2cloud rotate-key again; the lanes go on meanwhile",
        )


async def rotate(store: Store, config: AgentConfig, places: Locations) -> Identity:
    """Give this registration a new key; answer with the identity that is in force then.

    Raises:
        UnfinishedError: the new key may be in force or not; both are used.
        Ground2CloudError: nothing has changed.
    """
    store.tidy()
    identity = store.read()
    if identity is None:
        raise Ground2CloudError(NOT_REGISTERED, REGISTER_HINT)
    if not placed(config, identity).service:
        raise Ground2CloudError(
            "no service has a port on the gateway yet, so there is no lane to prove a new key with",
            "add a [[service]] to agent.toml first",
        )
    resumed = identity.next_key is not None
    new = identity.next_key or store.free_key()
    public = await provide_key(store, new)
    # The running agent may have finished a rotation that was cut off in this very moment.
    store.update(lambda known: known if known.key == new else replace(known, next_key=new))
    client = client_of(identity, within=WITHIN)
    try:
        answer = await _propose(client, public)
    except Ground2CloudError as error:
        if resumed:
            raise UnfinishedError(error.message) from None
        _give_up(store, new)  # no lane has carried it, whether the gateway heard of it or not
        raise
    if answer.state != "proven":
        await _Proof(store, client, public).carry(config, places, identity, new)
    after = store.update(lambda known: _with_key(known, new))
    store.tidy()
    await hand_over(store, new)
    return after or identity


@dataclass(frozen=True)
class _Proof:
    """The lane of the new key: `public` is that key's public half."""

    store: Store
    client: Client
    public: str

    async def carry(
        self, config: AgentConfig, places: Locations, identity: Identity, new: str
    ) -> None:
        """Carry a lane with the new key until the gateway says that it counts."""
        store, telling = self.store, None
        services = placed(config, identity).service[:1]
        key = store.state / new
        own = dataclasses.replace(places, identity_file=key, known_hosts=store.known_hosts)
        for endpoint in identity.endpoint:
            there = replace(identity, key=new, next_key=None, endpoint=(endpoint,))
            found = await try_lane(
                replace(config, service=services), own, identity=there, meanwhile=self._seen
            )
            verdict = found.verdict
            if verdict is None:
                return
            # One that may have been let in tells more than all that come after it.
            if telling is None or telling.reason in NOT_TAKEN:
                telling = verdict
            if verdict.reason not in ELSEWHERE:
                break
        assert telling is not None, "an identity has an endpoint"
        await self._judge(new, telling)

    async def _seen(self) -> None:
        """Wait until the gateway has seen the lane."""
        deadline = monotonic() + PROVEN_WITHIN
        proven = False
        while not proven and monotonic() < deadline:
            try:
                proven = (await _propose(self.client, self.public)).state == "proven"
            except Ground2CloudError as error:
                raise UnfinishedError(error.message) from None
            await asyncio.sleep(0 if proven else _LOOK_EVERY)
        if not proven:
            raise UnfinishedError("the gateway did not notice the lane of the new key")

    async def _judge(self, new: str, verdict: Verdict) -> None:
        """Find out what a lane that failed means for the two keys; return if the new one counts.

        Raises:
            UnfinishedError: that is not known.
            Ground2CloudError: the new one does not count, and is given up.
        """
        try:
            proven = (await _propose(self.client, self.public)).state == "proven"
        except Ground2CloudError:
            proven = False
        if proven:
            return
        message = f"the new key could not be tried: {verdict.message}"
        if verdict.reason not in NOT_TAKEN:
            raise UnfinishedError(message)
        _give_up(self.store, new)
        await _withdraw(self.store, self.client)
        raise Ground2CloudError(f"{message}; the present key stays", verdict.hint)


def _with_key(identity: Identity, new: str) -> Identity:
    """The identity with the new key alone; it may be there already, by the agent's own doing."""
    return replace(identity, key=new, next_key=None)


def _give_up(store: Store, new: str) -> None:
    store.update(lambda known: replace(known, next_key=None) if known.next_key == new else known)
    store.tidy()


async def _withdraw(store: Store, client: Client) -> None:
    """Have the gateway forget a key that was given up. If it is not reached, the next one does."""
    identity = store.read()
    with contextlib.suppress(Ground2CloudError):
        if identity is not None:
            await _propose(client, store.public_key(identity.key))


async def _propose(client: Client, public: str) -> KeyAnswer:
    return await ask(lambda: client.propose_key(public), within=WITHIN)
