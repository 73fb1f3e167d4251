"""Which of a gateway's endpoints to dial: the one that worked, and else the next one.

Pure. Many networks let only some ports out, so a gateway may have several.
"""

from ground2cloud.config.identity import Endpoint

ELSEWHERE = frozenset(
    {
        "dropped",
        "host-key-changed",
        "host-key-unknown",
        "link-dead",
        "name-resolution",
        "no-banner",
        "no-common-algorithm",
        "not-ready",
        "refused",
        "server-closed",
        "timed-out",
        "unreachable",
    }
)
"""Reasons of a lane that never was ready for which another endpoint may do better: nobody answers,
somebody in between cuts it off, or it is not our gateway that answers."""


class Way:
    """The endpoints, and which one it is now."""

    def __init__(self) -> None:
        self._endpoints: tuple[Endpoint, ...] = ()
        self._at = 0
        self._failed: set[Endpoint] = set()

    def set(self, endpoints: tuple[Endpoint, ...]) -> None:
        """Take other endpoints; the present one stays if it is among them."""
        now = self._endpoints[self._at] if self._endpoints else None
        self._endpoints = endpoints
        self._at = endpoints.index(now) if now in endpoints else 0
        self._failed &= set(endpoints)

    @property
    def current(self) -> Endpoint | None:
        """The one to dial; None where there are none."""
        return self._endpoints[self._at] if self._endpoints else None

    @property
    def endpoints(self) -> tuple[Endpoint, ...]:
        """All of them, in the order of the gateway."""
        return self._endpoints

    @property
    def passing(self) -> frozenset[str]:
        """The reasons for which the next attempt goes another way, and so is worth a try."""
        return ELSEWHERE if len(self._endpoints) > 1 else frozenset()

    def worked(self) -> None:
        """A lane is ready: stay here."""
        self._failed.clear()

    def failed(self, tried: Endpoint | None) -> bool:
        """Go on from one that could not be used; answer whether the next one is still untried.

        Several lanes may fail at the same one: only the first of them moves on.
        """
        if tried is None or tried not in self._endpoints:
            return False
        self._failed.add(tried)
        if tried == self.current:
            self._at = (self._at + 1) % len(self._endpoints)
        untried = self.current not in self._failed
        if not untried:
            self._failed.clear()
        return untried
