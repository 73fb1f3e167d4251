"""The proof of a path: a nonce sent down a lane to the agent's responder, and given back by it.

Each slot of a registration has an address of its own for that. So a probe takes no tunnel port
away, never meets an application, and the registration's own agent alone may listen there.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass

from ground2cloud.backchannel.messages import ProbeAnswer, ProbePlace, ProbeRequest
from ground2cloud.core.clock import monotonic
from ground2cloud.registry.records import Registration

WITHIN = 4.0
"""Seconds for a nonce to come back; agents wait 10 for the answer."""

_BASE = 128  # their second octet at least: the upper half of 127.0.0.0/8
_ADDRESSES = 2**23
_SLOTS = 8  # addresses of a registration
_NOBODY = "no lane listens for probes"


@dataclass(frozen=True, slots=True)
class Proof:
    """What came of a probe, at this monotonic moment; `detail` says what is wrong."""

    ok: bool
    at: float
    detail: str = ""


def place(registration: Registration, slot: str) -> ProbePlace | None:
    """Where the next lane on a slot is to listen for probes.

    None without services, and for an ID beyond the addresses there are. The port is the lowest of
    its services: what has it on all addresses of this machine would have met them, too.

    Raises:
        ValueError: it is no slot of the registration.
    """
    address = _address(registration, slot)
    if address is None or not registration.services:
        return None
    return ProbePlace(address=address, port=min(each.port for each in registration.services))


class Paths:
    """The newest proof of every lane that was probed."""

    def __init__(self) -> None:
        self._proofs: dict[int, dict[str, Proof]] = {}
        self._given: dict[int, dict[str, int]] = {}

    def expect(self, registration: Registration, slot: str) -> ProbePlace | None:
        """Say where the next lane on a slot is to listen; what is known of the one before is over.

        Raises:
            ValueError: it is no slot of the registration.
        """
        self._proofs.get(registration.id, {}).pop(slot, None)
        at = place(registration, slot)
        if at is not None:
            self._given.setdefault(registration.id, {})[slot] = at.port
        return at

    async def prove(self, registration: Registration, probe: ProbeRequest) -> ProbeAnswer:
        """Send a nonce down the lane on a slot of the registration, and keep what comes of it.

        Raises:
            OSError: the nonce can't be sent, which is no fault of the lane.
        """
        slot, address = probe.slot, _address(registration, probe.slot)
        if address is None:
            return ProbeAnswer(result="not-supported")
        begun = monotonic()
        given = self._given.get(registration.id, {}).get(slot)
        ports = [given] if given else sorted(each.port for each in registration.services)
        detail = _NOBODY
        for port in ports:
            detail = await _send(address, port, probe.nonce.encode())
            if detail != _NOBODY:
                break
        if detail == _NOBODY and given is None:
            # A lane from before this gateway's start, which may listen at a port that is no more.
            return ProbeAnswer(result="not-supported")
        # As of its beginning: what a lane is that came meanwhile, it doesn't say.
        self._proofs.setdefault(registration.id, {})[slot] = Proof(not detail, begun, detail)
        if detail:
            return ProbeAnswer(result="failed", detail=detail)
        return ProbeAnswer(result="passed", took=monotonic() - begun)

    def of(self, registration: int) -> Mapping[str, Proof]:
        """The newest proofs of a registration, by slot."""
        return self._proofs.get(registration, {})

    def forget(self, registration: int) -> None:
        """Drop what is known of one that is gone."""
        self._proofs.pop(registration, None)
        self._given.pop(registration, None)


def _address(registration: Registration, slot: str) -> str | None:
    number = registration.slots.index(slot)
    index = registration.id * _SLOTS + number
    if number >= _SLOTS or index >= _ADDRESSES:
        return None
    # By hand: at a start it is done for every slot there is.
    return f"127.{_BASE + (index >> 16)}.{index >> 8 & 255}.{index & 255}"


async def _send(address: str, port: int, nonce: bytes) -> str:
    """Send the nonce and await it; answer what went wrong, empty if it came back.

    Raises:
        OSError: it was not the lane that went wrong.
    """
    try:
        async with asyncio.timeout(WITHIN):
            reader, writer = await asyncio.open_connection(address, port)
            try:
                writer.write(nonce + b"\n")
                answer = await reader.readexactly(len(nonce))
            finally:
                writer.transport.abort()
    except TimeoutError:
        return f"nothing came back within {WITHIN:g} s"
    except ConnectionRefusedError:
        return _NOBODY
    except (asyncio.IncompleteReadError, ConnectionError):
        return "the lane ended without giving back what was sent"
    return "" if answer == nonce else "something else came back than was sent"
