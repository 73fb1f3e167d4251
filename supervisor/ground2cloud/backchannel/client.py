"""The agent's end of the backchannel: the standard library and msgspec, nothing more.

What answers is believed only under the gateway's CA, whose pin came with the join string. Even then
an answer is used only if it is whole, small, in time and within the limits of `messages`: a
backchannel that lies must not hurt.
"""

import http.client
import ssl
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TypeVar
from urllib.parse import quote

import msgspec

from ground2cloud.backchannel import calls, messages, wire
from ground2cloud.backchannel.calls import TIME_HEADER, Call
from ground2cloud.backchannel.errors import (
    NotUnderstoodError,
    RefusedError,
    SilentError,
    Slug,
    UnreachableError,
    UntrustedError,
)
from ground2cloud.backchannel.pin import prove
from ground2cloud.config.model import Kind
from ground2cloud.core import clock

TIMEOUT = 15.0
"""Seconds; a claim may wait for a stale session to end."""

_OK = 200
_FAULTS = range(400, 600)
_LONGEST_WAIT = 3600
_DIGITS = 9
_SHOWN = 200  # characters of the gateway's own words

_T = TypeVar("_T", bound=messages.Message)


@dataclass(frozen=True, slots=True)
class Timing:
    """What the last answer told of the clocks, in seconds.

    `skew` is the gateway's clock minus this machine's, right to half the `round_trip`.
    """

    skew: float
    round_trip: float


class Client:
    """Asks one gateway. Blocking: run its methods in a thread.

    Every call raises `RefusedError`, `UnreachableError`, `UntrustedError` or `NotUnderstoodError`
    (all `Ground2CloudError`). One object may be used by one thread at a time.

    Args:
        host: name or address of the gateway.
        port: its backchannel, 3014.
        pin: SHA-256 of the CA certificate's DER in hex; from the join string.
        authority: the CA certificate as PEM, from `identity.toml`; fetched when empty.
        token: the agent token; not needed for `register`.
        timeout: seconds that one call may take as a whole.
    """

    def __init__(
        self,
        host: str,
        port: int,
        *,
        pin: str,
        authority: str = "",
        token: str = "",
        timeout: float = TIMEOUT,
    ) -> None:
        self.timing: Timing | None = None
        """None as long as no answer told the time."""
        self._address = (host, port)
        self._pin = pin
        self._authority = authority
        self._token = token
        self._timeout = timeout
        self._context: ssl.SSLContext | None = None

    def fetch_authority(self) -> str:
        """Answer the gateway's CA certificate as PEM, proven by the pin, to be kept, also here."""
        answer = self._ask(calls.AUTHORITY, messages.Authority, context=wire.trust_nobody())
        try:
            self._authority = prove(answer.certificate, self._pin)
        except ValueError as error:
            raise UntrustedError(
                f"what answers at {self._where} is not the gateway of the join string: {error}",
                "someone is in between, or the gateway was set up anew: ask for a new join string",
            ) from None
        return self._authority

    def register(self, join_token: str, request: messages.RegisterRequest) -> messages.Registered:
        """Make the registration; may be repeated with the same request when no answer came."""
        answer = self._ask(calls.REGISTER, messages.Registered, body=request, token=join_token)
        self._check_services(request.services, answer.services)
        return answer

    def set_services(self, services: Sequence[tuple[str, Kind]]) -> messages.ServicesAnswer:
        """Tell the services, learn their ports; `RefusedError` also as `wanted_services`."""
        wanted = wanted_services(services)
        answer = self._ask(
            calls.SERVICES,
            messages.ServicesAnswer,
            body=messages.ServicesRequest(services=wanted),
        )
        self._check_services(wanted, answer.services)
        return answer

    def claim(self, slot: str, older_than: float = 0.0) -> messages.ClaimAnswer:
        """Have the stale holder of a slot ended; learn when to dial."""
        request = messages.ClaimRequest(older_than=older_than)
        return self._ask(calls.CLAIM, messages.ClaimAnswer, body=request, slot=slot)

    def heartbeat(self, report: messages.HeartbeatRequest) -> messages.HeartbeatAnswer:
        """Tell how the agent is."""
        return self._ask(calls.HEARTBEAT, messages.HeartbeatAnswer, body=report)

    def probe(self, slot: str, nonce: str) -> messages.ProbeAnswer:
        """Have a nonce sent down a lane."""
        request = messages.ProbeRequest(slot=slot, nonce=nonce)
        return self._ask(calls.PROBE, messages.ProbeAnswer, body=request)

    def propose_key(self, key: str) -> messages.KeyAnswer:
        """Propose a new public key, or ask how it stands with it."""
        return self._ask(calls.KEY, messages.KeyAnswer, body=messages.KeyRequest(key=key))

    def unregister(self) -> messages.Unregistered:
        """Give the registration up."""
        return self._ask(calls.UNREGISTER, messages.Unregistered)

    @property
    def _where(self) -> str:
        return f"{self._address[0]} port {self._address[1]}"

    @property
    def _reach(self) -> str:
        port = self._address[1]
        return f"the gateway must run, and firewalls must let this machine reach its port {port}"

    def _trusted(self) -> ssl.SSLContext:
        if self._context is None:
            authority = self._authority or self.fetch_authority()
            try:
                self._context = wire.trust(prove(authority, self._pin))
            except (ValueError, ssl.SSLError) as error:
                raise UntrustedError(
                    f"the gateway's CA certificate that is kept here can't be used: {error}",
                    "register this machine again",
                ) from None
        return self._context

    def _ask(
        self,
        call: Call,
        kind: type[_T],
        *,
        body: messages.Message | None = None,
        slot: str = "",
        token: str = "",
        context: ssl.SSLContext | None = None,
    ) -> _T:
        headers = {"Accept": "application/json", "Connection": "close"}
        if call.bearer != "nobody":
            headers["Authorization"] = f"Bearer {token or self._token}"
        content = None if body is None else msgspec.json.encode(body)
        if content is not None:
            headers["Content-Type"] = "application/json"
        path = call.path.replace("{slot}", quote(slot, safe=""))
        reply = self._exchange(context or self._trusted(), (call.method, path, headers, content))
        if reply.status == _OK:
            return self._decode(reply.body, kind)
        raise self._refusal(reply)

    def _exchange(
        self, context: ssl.SSLContext, request: tuple[str, str, dict[str, str], bytes | None]
    ) -> wire.Reply:
        start = clock.monotonic()
        try:
            reply = wire.exchange(
                self._address, context, request, start + self._timeout, clock.monotonic
            )
        except ssl.SSLCertVerificationError as error:
            raise UntrustedError(
                f"what answers at {self._where} is not the gateway: {error.verify_message}",
                "someone is in between, or the gateway has a new name or CA: ask its operator",
            ) from None
        except wire.NoConnectionError:
            message = f"no answer at all from the gateway at {self._where}"
            raise SilentError(message, self._reach) from None
        except TimeoutError:
            raise SilentError(
                f"the gateway at {self._where} gives no answer within {self._timeout:g} s",
                self._reach,
            ) from None
        except ssl.SSLError as error:
            raise UnreachableError(
                f"no TLS with {self._where} ({error.reason or 'cut off'})",
                "is it the port of the backchannel?",
            ) from None
        except UnicodeError:
            raise UnreachableError(f"{self._address[0]!a} is not a host name") from None
        except OSError as error:
            raise UnreachableError(
                f"can't reach the gateway at {self._where}: {error.strerror or error}", self._reach
            ) from None
        except (http.client.HTTPException, ValueError) as error:
            raise self._not_understood(type(error).__name__) from None
        self.timing = _timing(reply, start) or self.timing
        return reply

    def _decode(self, body: bytes, kind: type[_T]) -> _T:
        try:
            return msgspec.json.decode(body, type=kind)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            raise self._not_understood(str(error)) from None

    def _refusal(self, reply: wire.Reply) -> RefusedError | NotUnderstoodError:
        if reply.status not in _FAULTS:
            return self._not_understood(f"status {reply.status}")
        try:
            fault = msgspec.json.decode(reply.body, type=messages.Fault)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            return self._not_understood(f"status {reply.status}")
        known = fault.error in Slug.__members__.values()
        return RefusedError(
            Slug(fault.error) if known else fault.error,
            _printable(fault.message),
            _printable(fault.hint),
            retry_after=_retry_after(reply),
        )

    def _check_services(
        self,
        wanted: Sequence[messages.WantedService],
        allotted: Sequence[messages.AllottedService],
    ) -> None:
        """Let the answer be about the services that were asked for, all of them."""
        asked = {(one.name, one.kind) for one in wanted}
        if asked != {(one.name, one.kind) for one in allotted}:
            raise self._not_understood("other services than asked for")

    def _not_understood(self, detail: str) -> NotUnderstoodError:
        return NotUnderstoodError(
            f"the answer of the gateway at {self._where} is not understood ({_printable(detail)})",
            "its version may be another one: ask its operator",
        )


def wanted_services(services: Iterable[tuple[str, Kind]]) -> tuple[messages.WantedService, ...]:
    """Make what a request says of these services, by name and kind.

    Raises:
        RefusedError: too many, or two of one name: no gateway takes them, and none is asked.
    """
    wanted = tuple(messages.WantedService(name=name, kind=kind) for name, kind in services)
    try:
        messages.ServicesRequest(services=wanted)
    except ValueError as error:
        raise RefusedError(Slug.MALFORMED, str(error)) from None
    return wanted


def _timing(reply: wire.Reply, start: float) -> Timing | None:
    took = clock.monotonic() - start
    try:
        told = float(reply.headers.get(TIME_HEADER, ""))
    except ValueError:
        return None
    if not 0 <= told <= 10**10:  # also false for nan
        return None
    return Timing(skew=told - (clock.wall() - took / 2), round_trip=took)


def _retry_after(reply: wire.Reply) -> float | None:
    text = reply.headers.get("Retry-After", "")
    if not (text.isascii() and text.isdigit() and len(text) <= _DIGITS):
        return None
    return float(min(int(text), _LONGEST_WAIT))


def _printable(text: str) -> str:
    """Words of another machine, for a terminal and a log."""
    return "".join(char if char.isprintable() else "?" for char in text[:_SHOWN])
