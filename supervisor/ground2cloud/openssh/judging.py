"""Word a verdict: which row of the table it is, and the names that its message and hint need.

What a server wrote never gets into a message or a hint, only into `evidence`.
"""

import re
import signal
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ground2cloud.core.addresses import join
from ground2cloud.core.spec import Outcome, Verdict
from ground2cloud.openssh import system
from ground2cloud.openssh.forward import Forward
from ground2cloud.openssh.verdicts import OPTIONS_HINT, SESSION_HINT, TABLE, Row, matching
from ground2cloud.openssh.words import KEPT, parse

_SSH_FAILED = 255  # ssh's own exit code; everything else is the remote command's


@dataclass(frozen=True, slots=True)
class LaneContext:
    """What the messages name.

    Args:
        host, port, user: of the gateway.
        identity_file: the private key.
        known_hosts: the file to which a host key would be added.
        pinned: whether `gateway.host_key` names the gateway's key.
        jumps: the hosts on the way, by the names that ssh was given.
        session: whether a session is held beside the forwards.
        registered: whether the gateway is one of ours, which keeps its own files.
        passing: reasons that may pass by themselves here, whatever the table says of them.
    """

    host: str
    port: int
    user: str
    identity_file: Path
    known_hosts: Path
    pinned: bool = True
    jumps: tuple[str, ...] = ()
    session: bool = False
    registered: bool = False
    passing: frozenset[str] = frozenset()


_OPERATOR = "ask the gateway's operator: ground2cloud gateway agents shows this registration there"
_REGISTERED = {
    "host-key-changed": "somebody may be in between. If the gateway was set up anew, ask its"
    " operator for a join string and register again",
    "host-key-unknown": "somebody may be in between. If the gateway was set up anew, ask its"
    " operator for a join string and register again",
    "key-missing": "ask the gateway's operator for a join string that renews this registration,"
    " and register again",
    "permission-denied": f"the registration may be revoked; {_OPERATOR}",
    "forward-refused": _OPERATOR,
    "port-taken": "it frees itself once the gateway notices; " + _OPERATOR,
}
"""What to do instead, where nobody has to edit a file of sshd's by hand."""


def judge(
    row: Row,
    match: re.Match[str],
    context: LaneContext,
    *,
    evidence: str,
    failed: Forward | None = None,
) -> Verdict:
    """Word the verdict of a row. `failed` is the forward that the server did not grant."""
    groups = {name: value for name, value in match.groupdict().items() if value is not None}
    words = _vocabulary(groups, context, failed)
    message, hint = row.message.format_map(words), row.hint.format_map(words)
    if context.registered:
        hint = _REGISTERED.get(row.reason, hint)
    outcome = Outcome.TRANSIENT if row.reason in context.passing else row.outcome
    return Verdict(outcome, row.reason, message, hint, evidence)


def refused(words: str, context: LaneContext) -> Verdict:
    """Judge what `ssh -G` said of the rendered file; for `ChildSpec.refused`."""
    lines = [line.strip() for line in words.splitlines() if line.strip()]
    found = [
        (index, match, line)
        for line in lines
        for index, match in matching(parse(line), offline=True)
        if TABLE[index].offline
    ]
    if found:
        index, match, line = min(found, key=lambda entry: entry[0])
        return judge(TABLE[index], match, context, evidence=line[:KEPT])
    first = lines[0][:KEPT] if lines else ""
    message = f"ssh refuses its configuration{_said(first)}"
    return Verdict(Outcome.PERMANENT, "config-bad", message, OPTIONS_HINT, first)


def without_words(exit_code: int, context: LaneContext, *, ready: bool, last: str) -> Verdict:
    """Judge an end of which no line of the table tells.

    Args:
        exit_code: negative for a signal (POSIX).
        context: of the lane.
        ready: whether all forwards were confirmed.
        last: the last line that ssh wrote, empty if none.
    """
    hint = ""
    if exit_code < 0:
        reason, message = "killed", f"ssh was killed ({_signal_name(-exit_code)})"
    elif context.session and exit_code != _SSH_FAILED:
        reason = "session-refused"
        message = f"the session beside the forwards ended with code {exit_code}"
        hint = "the account on the gateway may not run commands; " + SESSION_HINT
    elif context.session and ready:
        reason, message = "session-ended", "ssh was told to end, or its session on the gateway was"
    elif exit_code == 0:
        reason, message = "terminated", "ssh was told to end"
    else:
        reason = "unknown"
        message = f"ssh ended with code {exit_code} for a reason that this program does not know"
    return Verdict(Outcome.TRANSIENT, reason, message, hint, last)


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def _vocabulary(
    groups: Mapping[str, str], context: LaneContext, failed: Forward | None
) -> Mapping[str, str]:
    """Return what a template may name: groups of the pattern only where ssh itself chose them."""
    jump = _jump_named(groups.get("host", ""), context)
    words = {
        "host": context.host,
        "port": groups.get("port", str(context.port)),
        "user": context.user,
        "identity_file": str(context.identity_file),
        "permission_hint": system.permission_hint(context.identity_file),
        "who": f"the jump host {jump}" if jump else f"the gateway {context.host}",
        "there": jump or "the gateway",
        "way": f"the jump host {', '.join(context.jumps)}" if context.jumps else "the ProxyCommand",
        "trust": "gateway.host_key in agent.toml" if context.pinned else str(context.known_hosts),
        "failed": join(failed.bind, failed.port) if failed else "a port",
        "taken": groups.get("taken", ""),
        "option": groups.get("option", ""),
        "what": groups.get("what", ""),
        "complaint": _said(groups.get("complaint", "")),
    }
    if jump:
        words["trust"] = str(context.known_hosts)
    return words


def _said(complaint: str) -> str:
    """Return what ssh itself says of our own file, as the end of a sentence."""
    return f": {complaint.rstrip('.')}" if complaint else ""


def _jump_named(host: str, context: LaneContext) -> str | None:
    """Return the jump host that ssh names as `host`, `[host]:port` or `host:`."""
    bare = host.removeprefix("[").split("]")[0].lower()
    return next((jump for jump in context.jumps if jump.lower() == bare), None)
