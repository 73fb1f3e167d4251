"""Tells a running router what changed, and asks it what it does: through its master's socket.

A worker's own socket is handed on at a reload, and for a moment after `Loading success.` the worker
before still takes what comes there: what it was told, the present one would never hear of. The
master knows which one is meant.

What is told here is forgotten with the process: the files of `render` must say the same when it
starts or reloads. Changes are small and atomic one by one; `replace_map` is atomic as a whole.
"""

import asyncio
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence

from ground2cloud.haproxy import reading
from ground2cloud.haproxy.reading import Call, Usage
from ground2cloud.haproxy.routes import RouterSettings, master_socket
from ground2cloud.haproxy.tally import Tally, look
from ground2cloud.haproxy.wire import RuntimeSocketError, ask, word

_PAYLOAD = 8000
"""Bytes of a payload: command and payload have to fit a buffer of 16 KiB."""

_AT_ONCE = 50
"""Commands on one line: the longest are less than 200 bytes, and they have to fit a buffer too."""

_LOOKS = 40
_BETWEEN_LOOKS = 0.1  # seconds

_NO_WORKER = "Can't find the target PID"
_ABSENT = ("entry not found", "key not found")


class Runtime:
    """The router as its master's socket shows it; `@1` is the worker that serves now.

    Every method raises `RuntimeSocketError` when the router can't be reached, does not answer
    within `timeout` seconds, or refuses; and ValueError for what can't be a key or value of a map.
    """

    def __init__(self, settings: RouterSettings, *, timeout: float = 5.0) -> None:
        self._master = master_socket(settings)
        self._timeout = timeout
        self._tally = Tally()

    async def refusals(self) -> dict[str, int]:
        """Return the addresses with too many connections, and how many were refused of each."""
        return reading.refusals(await self._ask("show table sources data.gpc0 gt 0"))

    async def settled(self) -> bool:
        """Whether the master answers: only then is a signal to reload sure to be heard.

        It isn't for a moment after each `Loading success.`, in which the master runs itself again.
        """
        try:
            return bool(await self._workers())
        except RuntimeSocketError:
            return False

    async def show_map(self, name: str) -> dict[str, str]:
        """Return what stands in a map."""
        answer = await self._ask(f"show map {word(name)}")
        if answer.startswith("Unknown map"):
            raise RuntimeSocketError(f"the router has no map {name}")
        return reading.entries(answer)

    async def set_map(self, name: str, key: str, value: str) -> None:
        """Change an entry, or add it."""
        entry = f"map {word(name)} {word(key)} {word(value)}"
        answer = await self._ask(f"set {entry}")
        if answer.lower().startswith(_ABSENT):
            answer = await self._ask(f"add {entry}")
        _expect_nothing(answer)

    async def del_map(self, name: str, key: str) -> bool:
        """Remove an entry; answer whether there was one."""
        answer = await self._ask(f"del map {word(name)} {word(key)}")
        if answer.lower().startswith(_ABSENT):
            return False
        _expect_nothing(answer)
        return True

    async def replace_map(self, name: str, entries: Mapping[str, str]) -> None:
        """Make `entries` all there is in a map, in one moment."""
        answer = await self._ask(f"prepare map {word(name)}")
        version = answer.rpartition(" ")[2]
        if not version.isdecimal():
            raise RuntimeSocketError(f"the router did not prepare {name}: {answer[:200]}")
        for payload in _payloads(entries):
            _expect_nothing(await self._ask(f"add map @{version} {name} <<\n{payload}"))
        _expect_nothing(await self._ask(f"commit map @{version} {name}"))

    async def stats(self) -> Mapping[str, Usage]:
        """Return what went over every route that was used; counted anew after a reload."""
        worker = reading.present_worker(await ask(self._master, "show proc", self._timeout))
        if worker is None:
            raise RuntimeSocketError("the router has no worker")
        routes, limited = [
            await self._ask(f"show table {table}", f"@!{worker}") for table in ("routes", "limited")
        ]
        # Each address that was here within an hour is a line.
        self._tally, used = await asyncio.to_thread(look, self._tally, worker, routes, limited)
        return used

    async def end(
        self, doomed: Callable[[Call], bool], gone: Collection[tuple[str, str]] = ()
    ) -> int:
        """End every stream that is `doomed`, of the present worker and of those before a reload.

        Those before are first told what is `gone` from the maps, each by map and key: of what comes
        on their connections yet they ask their own.
        Returns how many they were. A worker that can't be asked keeps nobody in another one.
        """
        processes = await ask(self._master, "show proc", self._timeout)
        older = reading.older_workers(processes)
        ending = (
            self._end_in(pid, doomed, gone if pid in older else ())
            for pid in reading.workers(processes)
        )
        counts = await asyncio.gather(*ending, return_exceptions=True)
        for trouble in counts:
            if isinstance(trouble, BaseException):
                raise trouble
        return sum(count for count in counts if isinstance(count, int))

    async def _end_in(
        self, pid: int, doomed: Callable[[Call], bool], gone: Collection[tuple[str, str]]
    ) -> int:
        await self._tell(pid, [f"del map {word(name)} {word(key)}" for name, key in gone])
        # The number of a stream that ends is the next one's at once: who is there twice, lasts. And
        # a GET without an answer yet is tried again, on another lane, until all tries are over.
        before: set[str] = set()
        ended: set[str] = set()
        for _ in range(_LOOKS):
            found = await self._streams(pid, doomed)
            if not found:
                return len(ended)
            await self._shut(pid, sorted(found & before))
            ended |= found & before
            before = found
            await asyncio.sleep(_BETWEEN_LOOKS)
        raise RuntimeSocketError(f"{len(before)} connections do not end")

    async def _streams(self, pid: int, doomed: Callable[[Call], bool]) -> set[str]:
        calls: list[Call] = []
        for table in ("callers", "limited"):
            answer = await self._ask_worker(pid, f"show table {table} data.conn_cur gt 0")
            calls += reading.calls(answer)
        # Several calls may be known by the same address and port: the one that is to end decides.
        known = {(call.source, call.port) for call in calls}
        ending = {(call.source, call.port) for call in calls if doomed(call)}
        if not ending:
            return set()
        answer = await self._ask_worker(pid, "show sess")
        return {
            session
            for session, (source, port) in reading.sessions(answer)
            if (source, port if (source, port) in known else None) in ending
        }

    async def _shut(self, pid: int, sessions: Sequence[str]) -> None:
        await self._tell(pid, [f"shutdown session {session}" for session in sessions])

    async def _tell(self, pid: int, commands: Sequence[str]) -> None:
        for some in _batches(commands, _AT_ONCE):
            line = "; ".join(f"@!{pid} {command}" for command in some)
            await ask(self._master, line, self._timeout)

    async def _workers(self) -> tuple[int, ...]:
        return reading.workers(await ask(self._master, "show proc", self._timeout))

    async def _ask_worker(self, pid: int, command: str) -> str:
        return await ask(self._master, f"@!{pid} {command}", self._timeout)

    async def _ask(self, command: str, worker: str = "@1") -> str:
        answer = await ask(self._master, f"{worker} {command}", self._timeout)
        if answer.startswith(_NO_WORKER):
            raise RuntimeSocketError("the router has no worker")
        return answer


def _expect_nothing(answer: str) -> None:
    if answer:
        raise RuntimeSocketError(f"the router refused: {answer[:200]}")


def _payloads(entries: Mapping[str, str]) -> Iterator[str]:
    payload = ""
    for key, value in entries.items():
        line = f"{word(key)} {word(value)}\n"
        if len(payload) + len(line) > _PAYLOAD:
            yield payload
            payload = ""
        payload += line
    if payload:
        yield payload


def _batches(items: Sequence[str], size: int) -> Iterator[Sequence[str]]:
    for start in range(0, len(items), size):
        yield items[start : start + size]
