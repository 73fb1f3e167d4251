"""Which services a person paused: remembered on disk, for whoever cut a database off meant it."""

import json
from collections.abc import Callable
from pathlib import Path


class Paused:
    """The names of paused services, one JSON list in the state directory.

    Raises:
        OSError: from `add` and `discard`, when the list can't be written; nothing has changed then.
    """

    def __init__(self, path: Path, write: Callable[[Path, str], object]) -> None:
        self._path = path
        self._write = write
        try:
            content = json.loads(path.read_text("utf-8"))
            names = content if isinstance(content, list) else []
            self.names = frozenset(name for name in names if isinstance(name, str))
        except (OSError, ValueError, TypeError):
            self.names = frozenset()

    def add(self, name: str) -> None:
        """Pause a service."""
        self._replace(self.names | {name})

    def discard(self, name: str) -> None:
        """Resume a service."""
        self._replace(self.names - {name})

    def _replace(self, names: frozenset[str]) -> None:
        self._write(self._path, json.dumps(sorted(names)))
        self.names = names
