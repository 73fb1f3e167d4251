"""Whether a text is a public host key, as OpenSSH writes it: `<type> <base64> [comment]`.

The base64 is a sequence of fields, each with its length in four bytes before it (RFC 4253, 6.6);
the first repeats the type. A key that lost a character in copying doesn't come out even.
"""

import base64
import binascii
import re
from collections.abc import Iterator

_FORM = "expected `<type> <base64>`, as in /etc/ssh/ssh_host_ed25519_key.pub on the gateway"
_TYPE = re.compile(r"(ssh|ecdsa|sk)-[a-z0-9@.-]{1,60}")
_LEAST_FIELDS = 2


def find_fault(text: str) -> str | None:
    """Say what is wrong with a host key in `gateway.host_key`; None if it is one."""
    words = text.split(" ")
    if "\N{HORIZONTAL ELLIPSIS}" in text:
        return f"not filled in; {_FORM}"
    if words[0].startswith("@"):
        return "a marker (@cert-authority, @revoked) belongs into a known_hosts file"
    if len(words) > 1 and not _TYPE.fullmatch(words[0]) and _TYPE.fullmatch(words[1]):
        return f"{_FORM}; leave out the host name in front of it"
    if len(words) < _LEAST_FIELDS or not _TYPE.fullmatch(words[0]):
        return _FORM
    if "-cert-" in words[0]:
        return "this is a certificate; put its authority's key into a known_hosts file"
    return _find_fault_in_blob(words[0], words[1])


def _find_fault_in_blob(kind: str, encoded: str) -> str | None:
    try:
        fields = list(_split(base64.b64decode(encoded, validate=True)))
    except (binascii.Error, ValueError):
        return "the base64 part is damaged; copy the whole line again"
    if len(fields) < _LEAST_FIELDS:
        return "the base64 part is damaged; copy the whole line again"
    if fields[0] != kind.encode():
        return f"the line says {kind}, the key in it is of another type"
    return None


def _split(blob: bytes) -> Iterator[bytes]:
    """Yield the fields of a key.

    Raises:
        ValueError: the fields don't fill it evenly.
    """
    while blob:
        length = int.from_bytes(blob[:4], "big")
        if len(blob) < 4 + length:
            raise ValueError("cut short")
        yield blob[4 : 4 + length]
        blob = blob[4 + length :]
