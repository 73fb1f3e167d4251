"""Listens to one run of the gateway's sshd: does it listen, who came, why did it end?

READY is `Server listening on` for every address it was told to listen on; sshd opens all of them
before it takes a connection, so no client can make it write something that looks like it. The end
is judged by what the listener said while it was not listening, or by nothing but its exit code:
lines about single connections explain no end of the listener.
"""

import logging
from collections import deque
from collections.abc import Callable, Collection

from ground2cloud.core.spec import Verdict
from ground2cloud.openssh.sshd.events import (
    Event,
    Full,
    Listening,
    PortTaken,
    Restarting,
    parse_event,
)
from ground2cloud.openssh.sshd.settings import Listen
from ground2cloud.openssh.sshd.verdicts import judge, row_of, without_words
from ground2cloud.openssh.words import KEPT, parse

LAST_LINES = 20
"""How many of sshd's last words are kept to show."""

_NOISE = ("Postponed publickey for ", "Root login accepted for forced command")


class SshdObserver:
    """One run; a new one is made for every start (`core.spec.Observer`).

    Args:
        listen: answers the places that must be confirmed, at least one; asked again when sshd
            begins to listen anew.
        on_event: hears of everything that a line tells.

    Attributes:
        ready: whether sshd has listened everywhere.
        rounds: how often it has, once for the start and for every reload.
        last_lines: sshd's last words, oldest first.
    """

    def __init__(
        self,
        listen: Callable[[], Collection[Listen]],
        on_event: Callable[[Event], None] | None = None,
    ) -> None:
        self.ready = False
        self.rounds = 0
        self.last_lines: deque[str] = deque(maxlen=LAST_LINES)
        self._listen = listen
        self._missing = self._places()
        self._on_event = on_event
        self._not_listening: deque[str] = deque(maxlen=LAST_LINES)

    def line(self, text: str) -> bool:
        """Take one line; answer whether sshd is ready as of now."""
        if not parse(text).text.startswith(_NOISE):
            self.last_lines.append(text[:KEPT])
        if self._missing:
            self._not_listening.append(text[:KEPT])
        event = parse_event(text)
        if isinstance(event, Listening):
            self._missing.discard((event.address, event.port))
            self.rounds += not self._missing
        elif isinstance(event, Restarting):
            self._missing = self._places()
        if not self._missing:
            self.ready = True
            self._not_listening.clear()
        if event is not None and self._on_event is not None:
            self._on_event(event)
        return self.ready

    def _places(self) -> set[tuple[str, int]]:
        return {(at.address, at.port) for at in self._listen()}

    def verdict(self, exit_code: int) -> Verdict:
        """Say what the exit means; negative codes are signals."""
        last = self.last_lines[-1] if self.last_lines else ""
        found = judge(self._not_listening) if exit_code >= 0 else None
        return found or without_words(exit_code, ready=self.ready, last=last)


def level(line: str) -> int:
    """Say how a line of sshd's is logged: `logging.DEBUG`, `INFO` or `WARNING`."""
    text = parse(line).text
    if row_of(line) is not None or isinstance(parse_event(line), Full | PortTaken):
        return logging.WARNING
    # Thousands of agents come and go; who is up is told by the registry's own messages.
    quiet = (*_NOISE, "Accepted publickey ", "User child is on pid ", "Received disconnect from ")
    return logging.DEBUG if text.startswith((*quiet, "Disconnected from ")) else logging.INFO
