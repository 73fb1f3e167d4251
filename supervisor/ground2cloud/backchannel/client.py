"""The agent's end of the backchannel."""

from collections.abc import Sequence
from dataclasses import dataclass

from ground2cloud.backchannel import messages
from ground2cloud.config.model import Kind


@dataclass(slots=True)
class Timing:
    """What the last answer told of the clocks, in seconds."""

    skew: float
    round_trip: float


class Client:
    """Asks one gateway. Blocking: run its methods in a thread (`asyncio.to_thread`).

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

    timing: Timing | None
    """None before the first answer. Skew is the gateway's clock minus this machine's."""

    def __init__(
        self,
        host: str,
        port: int,
        *,
        pin: str,
        authority: str = "",
        token: str = "",
        timeout: float = 15.0,
    ) -> None:
        raise NotImplementedError

    def fetch_authority(self) -> str:
        """Answer the gateway's CA certificate as PEM, proven by the pin, to be kept."""
        raise NotImplementedError

    def register(self, join_token: str, request: messages.RegisterRequest) -> messages.Registered:
        """Make the registration; may be repeated with the same request when no answer came."""
        raise NotImplementedError

    def set_services(self, services: Sequence[tuple[str, Kind]]) -> messages.ServicesAnswer:
        """Tell the services, learn their ports."""
        raise NotImplementedError

    def claim(self, slot: str, older_than: float = 0.0) -> messages.ClaimAnswer:
        """Have the stale holder of a slot ended; learn when to dial."""
        raise NotImplementedError

    def heartbeat(self, report: messages.HeartbeatRequest) -> messages.HeartbeatAnswer:
        """Tell how the agent is."""
        raise NotImplementedError

    def probe(self, slot: str, nonce: str) -> messages.ProbeAnswer:
        """Have a nonce sent down a lane."""
        raise NotImplementedError

    def propose_key(self, key: str) -> messages.KeyAnswer:
        """Propose a new public key, or ask how it stands with it."""
        raise NotImplementedError

    def unregister(self) -> messages.Unregistered:
        """Give the registration up."""
        raise NotImplementedError
