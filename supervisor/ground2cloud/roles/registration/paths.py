"""The proof of a path, on the agent's side: has its gateway send a nonce down each lane.

The responder here, behind a forward of its own, gives it back: no application hears of it. It gives
back only what this agent has just asked its gateway to send.
"""

import asyncio
import logging
import secrets
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial

from ground2cloud.backchannel.messages import ProbePlace
from ground2cloud.config.identity import Identity
from ground2cloud.core.clock import monotonic
from ground2cloud.errors import Ground2CloudError
from ground2cloud.logs.fields import log
from ground2cloud.openssh.forward import Forward
from ground2cloud.roles.registration.asking import ask, client_of

_log = logging.getLogger(__name__)

WITHIN = 10.0
"""Seconds for the gateway's answer; it gives the lane 4 of them."""

_MISSED = 3  # heartbeats without one, after which a proof is none of now
_HOST = "127.0.0.1"
_NAME = "the probe"
_NONCE = 24  # random bytes
_LINE = 64  # bytes: two nonces
_READ = 5.0  # seconds that somebody has to say a nonce
_MOST = 16  # connections at a time: anybody on this machine can make one


@dataclass(frozen=True, slots=True)
class Proof:
    """What came of a probe that began at this monotonic moment; `detail` says what is wrong.

    After `until` it says nothing of now: another one should have come.
    """

    ok: bool
    at: float
    until: float
    detail: str = ""


class Paths:
    """Proves the paths of the lanes again and again, and keeps the newest proof of each.

    Args:
        probed: the slots of the lanes that are up and forward the responder.
    """

    def __init__(self, probed: Callable[[], Iterable[str]]) -> None:
        self._probed = probed
        self._proofs: dict[str, Proof] = {}
        self._awaited: set[bytes] = set()
        self._server: asyncio.Server | None = None
        self._open: set[asyncio.StreamWriter] = set()

    async def forward(self, place: ProbePlace) -> Forward | None:
        """Answer with the forward that a lane needs for probes; None if there can't be one."""
        if self._server is None:
            try:
                self._server = await asyncio.start_server(
                    self._respond, _HOST, 0, limit=_LINE, backlog=_MOST
                )
            except OSError as error:
                text = f"no proof of the path: {error.strerror or error}"
                log(_log, logging.WARNING, "responder-down", text)
                return None
        port = self._server.sockets[0].getsockname()[1]
        return Forward(_NAME, place.address, place.port, _HOST, port)

    def of(self, slot: str) -> Proof | None:
        """The newest proof of the lane on a slot; it may be of a lane that was there before."""
        return self._proofs.get(slot)

    def close(self) -> None:
        """Answer nobody any more."""
        if self._server is not None:
            self._server.close()
            self._server = None
        for writer in self._open:
            writer.close()

    async def prove(self, identity: Identity, next_in: float) -> bool:
        """Have every lane probed, all at once; answer whether none is found broken.

        Args:
            identity: whose lanes they are.
            next_in: seconds until this is done again.
        """
        lanes = tuple(self._probed())
        return all(await asyncio.gather(*(self._prove(identity, each, next_in) for each in lanes)))

    async def _prove(self, identity: Identity, slot: str, next_in: float) -> bool:
        """Probe one lane, and keep what that says about it; answer whether it is not broken."""
        nonce = secrets.token_urlsafe(_NONCE)
        begun = monotonic()
        self._awaited.add(nonce.encode())
        client = client_of(identity, within=WITHIN)
        try:
            answer = await ask(partial(client.probe, slot, nonce), within=WITHIN)
        except Ground2CloudError as error:
            log(_log, logging.DEBUG, "probe-unanswered", f"no probe of {slot}: {error.message}")
            return True
        finally:
            came = nonce.encode() not in self._awaited
            self._awaited.discard(nonce.encode())
        if answer.result == "not-supported" or slot not in self._probed():
            self._proofs.pop(slot, None)
            return True
        ok, detail = answer.result == "passed", answer.detail
        if ok and not came:
            ok, detail = False, "the gateway's probe did not come here"
        proof = Proof(ok, begun, begun + _MISSED * next_in, detail)
        self._tell(slot, self._proofs.get(slot), proof)
        self._proofs[slot] = proof
        return ok

    async def _respond(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open.add(writer)
        try:
            if len(self._open) <= _MOST:
                async with asyncio.timeout(_READ):
                    said = (await reader.readuntil(b"\n")).rstrip(b"\n")
                    if said in self._awaited:
                        self._awaited.discard(said)
                        writer.write(said)
                        await writer.drain()
        except (OSError, TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            pass  # whoever it was, it is not our gateway
        finally:
            self._open.discard(writer)
            writer.close()

    def _tell(self, slot: str, before: Proof | None, now: Proof) -> None:
        if not now.ok and (before is None or before.ok):
            text = f"nothing comes through the lane on {slot}: {now.detail}"
            log(_log, logging.WARNING, "path-down", text)
        elif now.ok and before is not None and not before.ok:
            log(_log, logging.INFO, "path-up", f"the lane on {slot} carries again")
