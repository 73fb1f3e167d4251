"""Logs what the gateway's own programs do and say."""

import logging

from ground2cloud.core.clock import monotonic
from ground2cloud.core.supervise import Transition
from ground2cloud.haproxy.observer import level as router_level
from ground2cloud.logs.fields import log
from ground2cloud.logs.limit import Repeats
from ground2cloud.openssh.sshd.observer import level as sshd_level
from ground2cloud.roles.gateway.narrate import TITLES, tell

_log = logging.getLogger(__name__)

_BURST, _RATE = 400, 20.0  # a thousand agents may come back at once


class Narrator:
    """One for all programs; what each may say is limited."""

    def __init__(self) -> None:
        self._limits: dict[str, Repeats] = {}

    def transition(self, seen: Transition, started_at: float | None) -> None:
        """Log a change of state; `started_at` is when its process was started, monotonic."""
        now = monotonic()
        told = tell(seen, now - (started_at or now))
        log(_log, told.level, told.event, told.message, pid=seen.pid, said=told.said)

    def line(self, name: str, text: str) -> None:
        """Log a line of a program, unless it repeats itself or says too much."""
        level = sshd_level(text) if name == "sshd" else router_level(text)
        if not logging.getLogger(__name__).isEnabledFor(level):
            return
        limit = self._limits.setdefault(name, Repeats(_RATE, _BURST))
        title = TITLES.get(name, name)
        for said in limit.feed(text, monotonic()):
            if said.note:
                log(_log, level, f"{name}-limited", f"{title}: {said.text}")
            else:
                log(_log, level, name, f"{title} says", said=said.text)
