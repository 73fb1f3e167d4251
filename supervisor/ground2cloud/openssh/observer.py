"""Listens to one run of a lane's ssh: is it ready, what failed, and why did it end?

READY is claimed by ssh alone. What others can write on its stderr:

- Whoever answers the connection, before the host key is checked: lines before the SSH banner and a
  disconnect message, which may hold line breaks. The former carry ssh's tag and another function's
  name, and after the latter nothing is believed any more. A forged confirmation would besides need
  the number of our process, which ssh writes before it has read a byte from anyone.
- The gateway itself: debug messages and, with a held session, whatever its command writes to
  stderr. It can't know the process number either; and it grants the forwards, so what it could
  forge it can also have. Its login banner isn't printed at all (LogLevel ERROR). Once the lane is
  ready, only the few ways in which a ready lane ends are believed.

Only an ssh older than 8.5 knows no tags, and from 8.7 they carry the process. For those the line
has to be ssh's debug message, from its first character on; whoever passed the host key could
forge that, and nobody else but by the disconnect message.
"""

import logging
import re
from collections import deque
from collections.abc import Callable, Collection, Sequence

from ground2cloud.core.spec import Verdict
from ground2cloud.openssh.forward import Forward
from ground2cloud.openssh.judging import LaneContext, judge, without_words
from ground2cloud.openssh.verdicts import CONNECT_REASONS, LATER_REASONS, TABLE, Row, matching
from ground2cloud.openssh.words import KEPT, Words, parse

LAST_LINES = 20
"""How many of ssh's last words are kept to show."""

_CONFIRMED = re.compile(r"remote forward (success|failure) for: (listen .*, connect .*)")
_FAILED = re.compile(r"Error: remote port forwarding failed for listen port (\d+)")
_UNSERVED = re.compile(r"connect_to (\S{1,255})(?: port (\d{1,5}))?: (?:failed|unknown host)")
_FAREWELL = re.compile(r"Transferred: sent \d|Bytes per second: sent \d")
_OUR_VERSION = "Local version string "
_DISCONNECT = "Received disconnect from "
_CONFIRMING = "ssh_confirm_remote_forward"

ApplicationFailure = Callable[[str, int | None], None]
"""Called with the host, and with the port where ssh names it (not when the name is unknown)."""


class LaneObserver:
    """One run; a new one is made for every start (`core.spec.Observer`).

    Args:
        forwards: those that must be confirmed, at least one.
        context: what the verdict's words name.
        tagged: whether this ssh was told to tag its lines (`SshProgram.log_verbose`).
        on_application_failure: hears of every connection from the gateway that found no
            application; ssh goes on.

    Attributes:
        ready: whether every forward is confirmed.
        failed: the forward that was not granted; None while there is none.
        last_lines: ssh's last words but debugging, oldest first.
    """

    def __init__(
        self,
        forwards: Sequence[Forward],
        context: LaneContext,
        *,
        tagged: bool,
        on_application_failure: ApplicationFailure | None = None,
    ) -> None:
        self.failed: Forward | None = None
        self.last_lines: deque[str] = deque(maxlen=LAST_LINES)
        self._forwards = tuple(forwards)
        self._missing = {forward.confirmation for forward in forwards}
        self._context = context
        self._tagged = tagged
        self._on_application_failure = on_application_failure
        self._told: dict[int, tuple[re.Match[str], str]] = {}
        self._pids: set[int | None] = set()
        self._processes = 1 + len(context.jumps)
        self._speaking = False
        self._over = False

    @property
    def ready(self) -> bool:
        """Whether every forward is confirmed."""
        return not self._missing

    def line(self, text: str) -> bool:
        """Take one line; answer whether the lane is ready as of now."""
        if self._over:
            return self.ready
        words = parse(text)
        if not words.debug and not _FAREWELL.match(words.text):
            self.last_lines.append(text[:KEPT])
        self._note_progress(words)
        for index, match in matching(words, offline=not self._speaking):
            if not self.ready or TABLE[index].reason in LATER_REASONS:
                self._keep(index, match, text[:KEPT])
        self._note_application(words)
        if words.text.startswith(_DISCONNECT):
            self._over = True
        elif self._believable(words):
            self._note_forward(words)
        return self.ready

    def verdict(self, exit_code: int) -> Verdict:
        """Say what the exit means, by the most telling line."""
        reasons = {TABLE[index].reason for index in self._told}
        for index in sorted(self._told) if exit_code >= 0 else ():
            row = TABLE[index]
            if self._counts(row, reasons):
                match, line = self._told[index]
                return judge(row, match, self._context, evidence=line, failed=self.failed)
        last = self.last_lines[-1] if self.last_lines else ""
        return without_words(exit_code, self._context, ready=self.ready, last=last)

    def _keep(self, index: int, match: re.Match[str], line: str) -> None:
        """Keep the line of a row that names the most; the first of equal ones."""
        known = self._told.get(index)
        if known is None or _names(match) > _names(known[0]):
            self._told[index] = (match, line)

    def _counts(self, row: Row, reasons: Collection[str]) -> bool:
        if row.reason == "key-encrypted" and self._context.jumps:
            return False  # it may have been the jump host that accepted the key
        return not row.only_with or row.only_with in reasons

    def _note_progress(self, words: Words) -> None:
        """Note that ssh got through to somebody, and which processes speak."""
        if not (words.introduces and words.text.startswith(_OUR_VERSION)):
            return
        self._speaking = True
        if len(self._pids) < self._processes:
            self._pids.add(words.pid)
        for index in [i for i in self._told if TABLE[i].reason in CONNECT_REASONS]:
            del self._told[index]

    def _note_application(self, words: Words) -> None:
        match = _UNSERVED.match(words.text)
        if match is None:
            return
        if self._on_application_failure is not None:
            self._on_application_failure(match[1], int(match[2]) if match[2] else None)

    def _believable(self, words: Words) -> bool:
        """Whether the line is ssh's own answer to a request for a forward."""
        if self._tagged:
            return words.tagged and words.function == _CONFIRMING and words.pid in self._pids
        return not words.tagged

    def _note_forward(self, words: Words) -> None:
        match = _CONFIRMED.fullmatch(words.text)
        failed = _FAILED.fullmatch(words.text)
        if failed is not None:
            self._note_failed([f for f in self._forwards if f.port == int(failed[1])])
        elif match is not None and words.debug and match[1] == "success":
            self._missing.discard(match[2])
            if self.ready:
                self._told.clear()  # what was said on the way here explains no later end
        elif match is not None and words.debug:
            self._note_failed([f for f in self._forwards if f.confirmation == match[2]])

    def _note_failed(self, could_be: Sequence[Forward]) -> None:
        """Note which it is of those that a line may mean; the line before may have said it."""
        if could_be and self.failed not in could_be:
            self.failed = could_be[0]


def _names(match: re.Match[str]) -> int:
    return sum(value is not None for value in match.groups())


def level(line: str) -> int:
    """Say how a line of ssh's is logged: `logging.DEBUG`, `INFO` or `WARNING`."""
    words = parse(line)
    rows = [TABLE[index] for index, _ in matching(words, offline=True)]
    if _UNSERVED.match(words.text) or any(not row.only_with for row in rows):
        return logging.WARNING
    return logging.DEBUG if words.debug else logging.INFO
