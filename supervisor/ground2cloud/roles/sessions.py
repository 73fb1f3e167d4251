"""Which servers allow a held session beside the forwards: found out once, remembered for a week.

An account without a shell (`nologin`, a forced command that ends) lets ssh forward but not hold a
session. The first refusal is remembered in the state directory, so that no later start trips over
it; after a week it is tried again, for the administrator may have changed it.
"""

import contextlib
import json
from collections.abc import Callable
from pathlib import Path

MEMORY = 7 * 24 * 3600.0
"""Seconds for which a refusal is believed."""


class Sessions:
    """The servers known to refuse a held session, by `user@host:port`.

    Args:
        path: a JSON file, `{"user@host:port": refused at}`; a damaged one is as good as none.
        write: an atomic writer.
        wall: the wall clock, since the memory outlives the process.
    """

    def __init__(
        self, path: Path, write: Callable[[Path, str], object], wall: Callable[[], float]
    ) -> None:
        self._path = path
        self._write = write
        self._wall = wall
        self._refused = self._read()

    def refuses(self, server: str) -> bool:
        """Whether this server refused a held session lately."""
        at = self._refused.get(server)
        return at is not None and 0 <= self._wall() - at < MEMORY

    def remember(self, server: str) -> None:
        """Note a refusal; kept in memory at least when the disk is full."""
        self._refused[server] = self._wall()
        with contextlib.suppress(OSError):
            self._write(self._path, json.dumps(self._refused))

    def _read(self) -> dict[str, float]:
        try:
            content = json.loads(self._path.read_text("utf-8"))
            return {str(server): float(at) for server, at in content.items()}
        except (OSError, ValueError, TypeError, AttributeError):
            return {}
