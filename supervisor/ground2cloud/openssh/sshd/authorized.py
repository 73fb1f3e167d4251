"""Who may log in, and what for: lines of authorized_keys. Pure.

A key can hold its own ports on its own slots and nothing else. One invalid option would make sshd
pass over a line without a word, so everything is checked before it is written.
"""

import base64
import binascii
import functools
import hashlib
import ipaddress
import re
from collections.abc import Iterable
from dataclasses import dataclass

from ground2cloud.openssh.render import HELD_COMMAND

LARGE = 5000
"""Above so many keys sshd's own reading of the file takes longer than a program that searches it:
111 ms for 10,000 keys, where grep takes 20 ms (docs/openssh.md)."""

LARGE_NO_MORE = 4000
"""Below so many it reads the file itself again: not at 5,000, so as not to change to and fro."""

_HIGHEST_PORT = 65535
_BLOB_HEAD = b"\x00\x00\x00\x0bssh-ed25519\x00\x00\x00\x20"
_BLOB_SIZE = len(_BLOB_HEAD) + 32
_PROBE = re.compile(r"127(\.[0-9]{1,3}){3}:[1-9][0-9]{0,4}")
_KEY = re.compile(r"ssh-ed25519 (AAAA[A-Za-z0-9+/]+={0,2})")


@dataclass(frozen=True, slots=True)
class KeyGrant:
    """What one key may bind.

    Args:
        registration: whose key it is.
        key: `ssh-ed25519 AAAA…`, without options and comment.
        slots: loopback addresses of the gateway.
        ports: tunnel ports, on each of the slots.
        probes: `address:port`, loopback too, by which the gateway proves the lanes' paths.

    Raises:
        ValueError: one of them is not what it should be.
    """

    registration: int
    key: str
    slots: tuple[str, ...]
    ports: tuple[int, ...]
    probes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        _blob(self.key)
        if self.registration < 1:
            raise ValueError(f"{self.registration} is not a registration")
        _check_slots(self.slots)
        for port in self.ports:
            if not 1 <= port <= _HIGHEST_PORT:
                raise ValueError(f"{port} is not a port")
        for place in self.probes:
            if not _PROBE.fullmatch(place):
                raise ValueError(f"{place} is not a loopback address and port")


@functools.lru_cache(maxsize=1024)  # they are the same for nearly all
def _check_slots(slots: tuple[str, ...]) -> None:
    for slot in slots:
        if not ipaddress.IPv4Address(slot).is_loopback:
            raise ValueError(f"{slot} is not a loopback address")


@functools.lru_cache(maxsize=65536)
def line(grant: KeyGrant) -> str:
    """Return the line of authorized_keys, with its end.

    A registration without services may forward nothing: with `port-forwarding` and no
    `permitlisten` a key could bind every port.
    """
    options = ["restrict", f'command="{HELD_COMMAND}"']
    places = [f"{slot}:{port}" for slot in grant.slots for port in grant.ports]
    if places:
        places += grant.probes
        options += ["port-forwarding", *(f'permitlisten="{place}"' for place in places)]
    return f"{','.join(options)} {grant.key} g2c-{grant.registration}\n"


def text(grants: Iterable[KeyGrant]) -> str:
    """Return the whole file.

    Raises:
        ValueError: two registrations have the same key; sshd would take the first for both.
    """
    owners: dict[str, int] = {}
    lines = []
    for grant in grants:
        owner = owners.setdefault(grant.key, grant.registration)
        if owner != grant.registration:
            raise ValueError(f"the key of {owner} is also that of {grant.registration}")
        lines.append(line(grant))
    return "".join(lines)


def is_large(keys: int, *, before: bool) -> bool:
    """Whether so many keys call for a program that searches the file; `before`: the last answer."""
    return keys > (LARGE_NO_MORE if before else LARGE)


@functools.lru_cache(maxsize=65536)
def fingerprint(key: str) -> str:
    """Return a public key's fingerprint as sshd logs it: `SHA256:…`.

    Raises:
        ValueError: it is no ed25519 key of the form `ssh-ed25519 AAAA…`.
    """
    digest = hashlib.sha256(_blob(key)).digest()
    return "SHA256:" + base64.b64encode(digest).decode().rstrip("=")


def _blob(key: str) -> bytes:
    match = _KEY.fullmatch(key)
    try:
        blob = base64.b64decode(match[1], validate=True) if match else b""
    except binascii.Error:
        blob = b""
    if not blob.startswith(_BLOB_HEAD) or len(blob) != _BLOB_SIZE:
        raise ValueError("the public key is not of the form: ssh-ed25519 AAAA…")
    # Another spelling of the same bytes would be found neither by grep nor as a double.
    if match is None or base64.b64encode(blob).decode() != match[1]:
        raise ValueError("the public key is not written as OpenSSH writes it")
    return blob
