"""Addresses from which the router takes no more connections, told in the log.

Callers behind one address share its limit: a caller hears of it in an answer at best, and whoever
runs the gateway would hear nothing.
"""

import logging

from ground2cloud.haproxy.runtime import Runtime
from ground2cloud.haproxy.wire import RuntimeSocketError
from ground2cloud.logs.fields import log

_log = logging.getLogger(__name__)

_SHOWN = 5
"""Addresses told at one time; others would say the same."""


class Crowds:
    """Looks at what the router has refused.

    Args:
        runtime: of the router.
    """

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._refused: dict[str, int] = {}
        self._crowded: set[str] = set()

    async def look(self) -> bool:
        """Tell what is new since the last look; answer whether the router answers."""
        try:
            refused = await self._runtime.refusals()
        except RuntimeSocketError:
            return False
        crowded = {each for each, count in refused.items() if count > self._refused.get(each, 0)}
        for source in sorted(crowded - self._crowded)[:_SHOWN]:
            text = (
                f"connections from {_shown(source)} are refused: it has as many as one address may"
                " have ([router] max_connections_per_source)"
            )
            log(_log, logging.WARNING, "source-crowded", text)
        self._refused, self._crowded = refused, crowded
        return True


def _shown(source: str) -> str:
    return f"{source}/64" if ":" in source else source
