"""The one table of how sshd fails, and what somebody can do about it. Pure.

The first row that one of the lines fits is the verdict. sshd ends with 255 for most of them and
with 1 where it has no host key, so its words are the evidence.
"""

import re
import signal
from collections.abc import Iterable
from dataclasses import dataclass

from ground2cloud.core.spec import Outcome, Verdict
from ground2cloud.openssh.words import KEPT


@dataclass(frozen=True, slots=True)
class Row:
    """One kind of failure; `message` and `hint` may use the groups of `pattern`."""

    reason: str
    outcome: Outcome
    pattern: re.Pattern[str]
    message: str
    hint: str = ""


_PERMANENT, _TRANSIENT = Outcome.PERMANENT, Outcome.TRANSIENT
_ERROR = r"(?:error: |fatal: )?"
_BIND = _ERROR + r"Bind to port (?P<port>\d+) on (?P<address>\S+) failed: "
_OUR_FILE = "look at [ssh] in gateway.toml, and report this: the program wrote that file"


def _row(reason: str, outcome: Outcome, pattern: str, message: str, hint: str = "") -> Row:
    return Row(reason, outcome, re.compile(pattern), message, hint)


TABLE: tuple[Row, ...] = (
    _row(
        "option-unknown",
        _PERMANENT,
        r"/.*: line \d+: Bad configuration option: (?P<option>\w+)",
        "this sshd does not know the option {option}",
        _OUR_FILE,
    ),
    _row(
        "config-bad",
        _PERMANENT,
        r"/.*: line \d+: |/.*: terminating, \d+ bad configuration options",
        "sshd refuses its configuration",
        _OUR_FILE,
    ),
    _row(
        "host-key-unusable",
        _PERMANENT,
        r"Permissions 0\d+ for '.*' are too open"
        r"|" + _ERROR + r"(?:Unable|Could not) (?:to )?load host (?:key|certificate)"
        r"|Could not load host certificate|sshd: no hostkeys available",
        "sshd can't use its host key",
        "it must be readable by the gateway's account alone (chmod 600); if it is lost, remove it"
        " with its certificate: a new one is made, and agents that pinned the CA accept it",
    ),
    _row(
        "privilege-separation",
        _PERMANENT,
        r"Missing privilege separation directory: (?P<directory>.*)"
        r"|(?P<owned>\S+) must be owned by root and not group or world-writable"
        r"|Privilege separation user sshd does not exist",
        "an sshd of root lacks what it needs for privilege separation",
        "run the gateway as an account of its own; or as root: mkdir -m 755 /run/sshd",
    ),
    _row(
        "port-forbidden",
        _PERMANENT,
        _BIND + "Permission denied",
        "the gateway's account may not open port {port} of {address}",
        "ports below 1024 need CAP_NET_BIND_SERVICE (AmbientCapabilities= of systemd), or choose"
        " a higher port in gateway.toml",
    ),
    _row(
        "port-taken",
        _TRANSIENT,
        _BIND + "Address already in use",
        "another program holds port {port} of {address}",
        "most often the machine's own sshd: give one of the two another port",
    ),
    _row(
        "address-missing",
        _TRANSIENT,
        _BIND + "Cannot assign requested address",
        "the machine has no address {address} (yet)",
        "check the listen addresses in gateway.toml; 0.0.0.0 stands for all",
    ),
    _row(
        "listen-failed",
        _TRANSIENT,
        _ERROR + r"(?:Bind to port .* failed: |Cannot bind any address|listen on .*: )",
        "sshd can't listen where it is told to",
        "check the listen addresses in gateway.toml",
    ),
    _row(
        "resources",
        _TRANSIENT,
        _ERROR + r"(?:fork|accept|socket|pipe)\S*: .*"
        r"|.*(?:Cannot allocate memory|Too many open files|Resource temporarily unavailable)",
        "the machine has no room for more connections",
        "raise the limits of the service: LimitNOFILE=, TasksMax=, memory",
    ),
)
"""Every way in which the listener is known to end.

A pattern must fit the beginning of a line, which is sshd's own: what a client sent stands further
behind.
"""


def row_of(line: str) -> Row | None:
    """Return the first row that a line fits."""
    return next((row for row in TABLE if row.pattern.match(line)), None)


def judge(lines: Iterable[str]) -> Verdict | None:
    """Return the verdict of the row that stands first in the table and fits a line."""
    cut = [line[:KEPT] for line in lines]
    for row in TABLE:
        for line in cut:
            if match := row.pattern.match(line):
                groups = {name: value or "" for name, value in match.groupdict().items()}
                message, hint = row.message.format_map(groups), row.hint.format_map(groups)
                return Verdict(row.outcome, row.reason, message, hint, line)
    return None


def refused(words: str) -> Verdict:
    """Judge what `sshd -t` said of the rendered files; for `ChildSpec.refused`."""
    lines = [line.strip() for line in words.splitlines() if line.strip()]
    found = judge(lines)
    if found is not None and found.outcome is _PERMANENT:
        return found
    first = lines[0][:KEPT] if lines else ""
    return Verdict(_PERMANENT, "config-bad", "sshd refuses its configuration", _OUR_FILE, first)


def without_words(exit_code: int, *, ready: bool, last: str) -> Verdict:
    """Judge an end of which no line of the table tells."""
    if exit_code < 0:
        name = signal.Signals(-exit_code).name if -exit_code in set(signal.Signals) else "a signal"
        return Verdict(_TRANSIENT, "killed", f"sshd was ended by {name}", evidence=last)
    message = "sshd ended" if ready else "sshd did not start"
    return Verdict(_TRANSIENT, "ended", f"{message} (exit code {exit_code})", evidence=last)
