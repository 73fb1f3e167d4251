"""A watch whose calls are written down."""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from ground2cloud.reload.watch import FileWatch
from tests.lab.waiting import eventually


@dataclass
class Watcher:
    """A watch, what it called, and a file of its own whose change proves that no more will come."""

    watch: FileWatch
    sentinel: Path
    calls: list[Path]
    notices: list[str]
    serial: int = 0

    def start(self, *paths: Path, keys: tuple[Path, ...] = ()) -> None:
        """Watch these files from now on."""
        self.watch.watch([*paths, self.sentinel], keys=keys)

    async def calls_until_now(self, *awaited: Path) -> list[str]:
        """Wait for calls for `awaited`; return the names of all calls, in order, and forget them.

        The sentinel's change is made after these and waited for too: what else happened before
        has settled by then, or makes a call that was not asked for.
        """
        for path in awaited:
            await self._call(path)
        self.serial += 1
        self.sentinel.write_text(str(self.serial))
        await self._call(self.sentinel)
        names = [path.name for path in self.calls if path != self.sentinel]
        self.calls.clear()
        return names

    async def _call(self, path: Path) -> None:
        await eventually(lambda: path in self.calls, what=f"the call for {path.name}")


@pytest.fixture
async def make_watcher(tmp_path: Path) -> AsyncIterator[Callable[..., Watcher]]:
    """Make a watch; its arguments are those of FileWatch."""
    made: list[FileWatch] = []

    def make(**options: float) -> Watcher:
        calls: list[Path] = []
        notices: list[str] = []
        loop = asyncio.get_running_loop()
        watch = FileWatch(loop, calls.append, on_notice=notices.append, **options)
        made.append(watch)
        sentinel = tmp_path / "sentinel" / "file"
        sentinel.parent.mkdir()
        sentinel.write_text("0")
        return Watcher(watch, sentinel, calls, notices)

    yield make
    for watch in made:
        watch.close()


@pytest.fixture
async def watcher(make_watcher: Callable[..., Watcher]) -> Watcher:
    """A watch as the program has it, but one that hears of changes from events alone."""
    return make_watcher(poll=3600.0)


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """A configuration file in a directory of its own."""
    path = tmp_path / "etc" / "agent.toml"
    path.parent.mkdir()
    path.write_text("one = 1\n")
    return path
