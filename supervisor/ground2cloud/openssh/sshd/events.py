"""What one line of sshd's stderr tells. Pure.

A process number is believed only from a tag at the head of a line: sshd writes the tag itself, and
writes what a client sent only behind it, with control characters escaped (log.c, strnvis). What a
held session's command writes goes to its client and never here.
"""

import re
from dataclasses import dataclass

from ground2cloud.openssh.words import parse


@dataclass(frozen=True, slots=True)
class Listening:
    """A listening socket is open. sshd opens all of them before it takes a connection."""

    address: str
    port: int


@dataclass(frozen=True, slots=True)
class Restarting:
    """A SIGHUP was taken: the same process reads its files again and listens anew."""


@dataclass(frozen=True, slots=True)
class Accepted:
    """Somebody logged in with a key; `pid` is the connection's process, the listener's child."""

    pid: int
    fingerprint: str
    source: str
    source_port: int


@dataclass(frozen=True, slots=True)
class ChildOf:
    """The connection `pid` hands the lane to a process of its own, which will hold the ports."""

    pid: int
    child: int


@dataclass(frozen=True, slots=True)
class Refused:
    """A key was not let in; `fingerprint` is empty where sshd does not say which."""

    fingerprint: str
    source: str


@dataclass(frozen=True, slots=True)
class Denied:
    """Somebody asked for more than the key permits: `what` is `listen` or `connect`.

    `place` is what was asked for, in the client's own words. `source` is empty for `connect`, where
    sshd names only what the client says of it.
    """

    what: str
    source: str
    place: str


@dataclass(frozen=True, slots=True)
class PortTaken:
    """A lane could not have a port, since some process holds it: a case for a claim."""

    address: str
    port: int


@dataclass(frozen=True, slots=True)
class Full:
    """Connections are turned away: more than MaxStartups have not logged in yet."""


Event = Listening | Restarting | Accepted | ChildOf | Refused | Denied | PortTaken | Full

_PORT = r"port (?P<port>\d{1,5})"
_FROM = r"from (?P<source>\S{1,64}) port (?P<source_port>\d{1,5})"
_LISTENING = re.compile(rf"Server listening on (?P<address>\S{{1,64}}) {_PORT}\.")
_ACCEPTED = re.compile(rf"Accepted publickey for .{{1,64}} {_FROM} ssh2: (?P<key>\S+ SHA256:\S+)")
_REFUSED = re.compile(rf"Failed publickey for .{{1,200}} {_FROM} ssh2: (?P<key>\S+ SHA256:\S+)")
_CHILD = re.compile(r"User child is on pid (?P<child>\d{1,10})")
_NO_LISTEN = re.compile(
    r"Received request from (?P<source>\S{1,64}) port \d{1,5} to remote forward to"
    rf" (?:host (?P<address>\S{{0,255}}) {_PORT}|path .*), but the request was denied\."
)
_NO_CONNECT = re.compile(
    r"refused (?:local|streamlocal) port forward: originator .{0,120}?, target (?P<place>.{1,255})"
    r"|Received request to connect to (?:host |path )?(?P<other>.{1,255}), but the request was"
)
_TAKEN = re.compile(
    r"bind \[(?P<address>[0-9a-fA-F.:]{2,45})\]:(?P<port>\d{1,5}): Address already in use"
)
_FULL = re.compile(r"(?:error: )?(?:beginning MaxStartups throttling|drop connection #\d+ from )")


def parse_event(line: str) -> Event | None:  # noqa: PLR0911 - one way out for each kind of line
    """Tell what a line says; None for most lines. Never fails, whatever the line is."""
    words = parse(line.removesuffix(" [preauth]"))
    text, pid = words.text, words.pid
    if pid is not None and words.function == "auth_log":
        return _login(pid, text)
    if pid is not None and (match := _CHILD.fullmatch(text)):
        return ChildOf(pid, int(match["child"]))
    if words.tagged:
        return None
    if match := _LISTENING.fullmatch(text):
        return Listening(match["address"], int(match["port"]))
    if text.startswith("Received SIGHUP; restarting."):
        return Restarting()
    if match := _NO_LISTEN.fullmatch(text):
        place = f"{match['address']}:{match['port']}" if match["port"] else "a Unix socket"
        return Denied("listen", match["source"], place)
    if match := _NO_CONNECT.match(text):
        return Denied("connect", "", match["place"] or match["other"])
    if match := _TAKEN.fullmatch(text):
        return PortTaken(match["address"], int(match["port"]))
    return Full() if _FULL.match(text) else None


def _login(pid: int, text: str) -> Accepted | Refused | None:
    if match := _ACCEPTED.fullmatch(text):
        key = match["key"].split()[-1]
        return Accepted(pid, key, match["source"], int(match["source_port"]))
    if match := _REFUSED.fullmatch(text):
        return Refused(match["key"].split()[-1], match["source"])
    return None
