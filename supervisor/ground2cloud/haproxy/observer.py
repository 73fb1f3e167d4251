"""Listens to one run of the router: is it serving, what failed, and why did it end?

HAProxy's master speaks on stderr, and only about itself: no caller and no application can make it
write there. The master says `Loading success.` when its first worker holds every socket, and again
after each reload; a reload that fails leaves the old worker serving.
"""

import logging
import re
import signal
from collections import deque
from collections.abc import Callable

from ground2cloud.core.spec import Outcome, Verdict

LAST_LINES = 20
"""How many of its last words are kept to show."""

_KEPT = 500
_LINE = re.compile(r"\[(?P<level>[A-Z]+)\]\s+\(\d+\) : (?P<text>.*)")
_LOADED = "Loading success."
_NOT_LOADED = "Loading failure!"
_CHATTER = re.compile(r"Proxy \S+ stopped |haproxy version is |path to executable is ")
_BIND = re.compile(r".*cannot (?:bind|listen)[^(]*\((?P<cause>[^)]+)\) for \[(?P<place>[^\]]+)\]")
_BAD_CONFIG = "Fatal errors found in configuration"
_FIXABLE = ("config : ", "parsing [", _BAD_CONFIG)

_PORT_HINT = (
    "give the program CAP_NET_BIND_SERVICE (systemd: AmbientCapabilities), or listen above 1023"
)


class Observer:
    """One run; a new one is made for every start (`core.spec.Observer`).

    Args:
        on_reload: hears after each reload whether it succeeded.

    Attributes:
        ready: whether it holds its sockets.
        last_lines: its last words but chatter, oldest first.
    """

    def __init__(self, on_reload: Callable[[bool], None] = lambda _good: None) -> None:
        self.ready = False
        self.last_lines: deque[str] = deque(maxlen=LAST_LINES)
        self._on_reload = on_reload
        self._bind: re.Match[str] | None = None
        self._alert = ""

    def line(self, text: str) -> bool:
        """Take one line; answer whether the router is serving as of now."""
        words = _text(text)
        if level(text) > logging.DEBUG:
            self.last_lines.append(text[:_KEPT])
        self._bind = self._bind or _BIND.match(words)
        if "[ALERT]" in text[:20] and not self._alert:
            self._alert = words[:_KEPT]
        if words in {_LOADED, _NOT_LOADED}:
            self._note_loaded(good=words == _LOADED)
        return self.ready

    def verdict(self, exit_code: int) -> Verdict:
        """Say what the exit means."""
        if self._bind is not None and not self.ready:
            return _not_bound(self._bind)
        if not self.ready and any(_BAD_CONFIG in line for line in self.last_lines):
            return refused("\n".join(self.last_lines))
        evidence = self._alert or (self.last_lines[-1] if self.last_lines else "")
        if exit_code < 0:
            how = f"the router was ended by {signal.Signals(-exit_code).name}"
        else:
            how = f"the router ended with {exit_code}"
        return Verdict(Outcome.TRANSIENT, "router-ended", how, evidence=evidence)

    def not_loaded(self) -> Verdict:
        """Say why the last reload failed; the router goes on as it was before."""
        if self._bind is not None:
            return _not_bound(self._bind)
        message = "the router can't load its files"
        return Verdict(Outcome.TRANSIENT, "router-not-loaded", message, evidence=self._alert)

    def _note_loaded(self, *, good: bool) -> None:
        if self.ready:
            self._on_reload(good)
        self.ready = self.ready or good
        if self.ready:
            # What was said on the way here explains no later end, nor a later reload.
            self._bind, self._alert = None, ""


def refused(words: str) -> Verdict:
    """Judge files that `haproxy -c` refused, from its words."""
    alerts = [_text(line) for line in words.splitlines() if "[ALERT]" in line[:20]]
    told = next((alert for alert in alerts if alert.startswith(_FIXABLE)), "")
    message = "HAProxy refuses its configuration"
    return Verdict(Outcome.PERMANENT, "config-bad", message, evidence=(told or words)[:_KEPT])


def level(line: str) -> int:
    """Say how a line of the router's is logged: `logging.DEBUG`, `INFO` or `WARNING`."""
    match = _LINE.match(line)
    if match is None:
        return logging.INFO
    if _CHATTER.match(match["text"]):
        return logging.DEBUG
    return logging.INFO if match["level"] == "NOTICE" else logging.WARNING


def _text(line: str) -> str:
    match = _LINE.match(line)
    return match["text"] if match else line


def _not_bound(match: re.Match[str]) -> Verdict:
    cause, place = match["cause"], match["place"]
    if cause == "Permission denied":
        message = f"this account may not listen on {place}"
        return Verdict(Outcome.PERMANENT, "port-forbidden", message, _PORT_HINT, match[0])
    if cause == "Address already in use":
        message = f"{place} is taken by another program"
        return Verdict(Outcome.TRANSIENT, "port-taken", message, evidence=match[0])
    message = f"the router can't listen on {place}: {cause}"
    return Verdict(Outcome.TRANSIENT, "address-missing", message, evidence=match[0])
