"""What a process uses, seen through psutil: processor, memory, connections, bytes."""

from dataclasses import dataclass

import psutil

from ground2cloud.core.clock import monotonic

SPAN = 0.1
"""Seconds at least that a share of processor time is taken over: the clock ticks every 10 ms."""


@dataclass(frozen=True, slots=True)
class Usage:
    """One look at a process. None where the platform or its rights don't tell.

    `cpu_percent` is of one core over at least SPAN; `memory` is resident bytes; `bytes_read`
    is all it read since its start, files and sockets alike (ssh reads little else than traffic).
    """

    cpu_percent: float | None
    memory: int | None
    connections: int | None
    bytes_read: int | None


class Meter:
    """Looks at one process again and again."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self._process = psutil.Process(pid)
        self._base: tuple[float, float] | None = None
        self._share: float | None = None

    def look(self, ports: frozenset[int] = frozenset()) -> Usage | None:
        """Look now; None when the process is gone.

        `connections` counts the established connections to one of `ports`: for a lane, those to
        the applications.
        """
        try:
            with self._process.oneshot():
                cpu, memory = self._process.cpu_times(), self._process.memory_info().rss
            return Usage(
                self._percent(cpu.user + cpu.system),
                memory,
                self._connections(ports) if ports else None,
                self._bytes_read(),
            )
        except (psutil.Error, OSError):
            return None

    def _percent(self, used: float) -> float | None:
        now = monotonic()
        if self._base is None:
            self._base = now, used
        since, before = self._base
        if now - since >= SPAN:  # who looks more often is told the share of the last whole span
            self._base = now, used
            self._share = 100.0 * (used - before) / (now - since)
        return self._share

    def _connections(self, ports: frozenset[int]) -> int:
        return sum(
            1
            for each in self._process.net_connections(kind="tcp")
            if each.status == psutil.CONN_ESTABLISHED and each.raddr and each.raddr.port in ports
        )

    def _bytes_read(self) -> int | None:
        counters = getattr(self._process, "io_counters", None)  # not on macOS
        if counters is None:
            return None
        seen = counters()
        # Linux counts sockets in read_chars, Windows in other_bytes.
        return int(
            getattr(seen, "read_chars", None) or seen.read_bytes + getattr(seen, "other_bytes", 0)
        )
