"""The join string: one line that carries an agent to its gateway.

    g2c1-<base64url of: pin (32 bytes), token (32), port (2, big-endian), host, checksum (4)>

The checksum is the beginning of a SHA-256 over everything before it, the prefix included. It is
there for people, not against attackers: a line that was cut short or lost a character in copying
is told from one that a gateway refuses. Whoever has the line can register once, until it expires.
"""

import base64
import binascii
import hashlib
import re
from dataclasses import dataclass, field

import msgspec

from ground2cloud.config.model import Host
from ground2cloud.config.words import control_character

PREFIX = "g2c1-"
"""How a join string of this version begins."""

_BYTES = 32  # of the pin (SHA-256) and of the token (secrets.token_urlsafe(32))
_SUM = 4
_PORTS = 1 << 16
_LONGEST = 1000  # characters; with the longest host there can be, it has 436
_FAMILY = re.compile(r"g2c([0-9]{1,4})-")
_AROUND = "'\"`<>"
_DAMAGED = "the join string is damaged or was cut short: copy the whole line again"


@dataclass(frozen=True, slots=True)
class Join:
    """What a join string says.

    Attributes:
        host, port: the gateway's backchannel.
        token: the invite's secret, good for one registration: 43 characters of base64url.
        pin: SHA-256 of the DER of the gateway's CA certificate, 64 lower-case hex digits.
    """

    host: str
    port: int
    token: str = field(repr=False)
    pin: str


def encode(join: Join) -> str:
    """Write a join string.

    Raises:
        ValueError: a value can't be in one; says which.
    """
    _check_address(join.host, join.port)
    pin = _read_pin(join.pin)
    token = _read_token(join.token)
    payload = pin + token + join.port.to_bytes(2, "big") + join.host.encode("ascii")
    return PREFIX + _to_text(payload + _checksum(payload))


def decode(text: str) -> Join:
    """Read a join string as it was pasted: line breaks, spaces and quotes around it don't matter.

    Raises:
        ValueError: it is none; one line that says why, and shows nothing of it.
    """
    line = "".join(text[: 2 * _LONGEST].split()).strip(_AROUND)
    _check_family(line)
    if len(line) > _LONGEST:
        raise ValueError("this is more than a join string: copy that line only")
    raw = _from_text(line[len(PREFIX) :])
    payload, found = raw[:-_SUM], raw[-_SUM:]
    if len(payload) <= 2 * _BYTES + 2 or found != _checksum(payload):
        raise ValueError(_DAMAGED)
    pin, token, rest = payload[:_BYTES], payload[_BYTES : 2 * _BYTES], payload[2 * _BYTES :]
    port = int.from_bytes(rest[:2], "big")
    host = rest[2:].decode("ascii", "replace")
    _check_address(host, port)
    return Join(host, port, _to_text(token), pin.hex())


def _check_family(line: str) -> None:
    if not line:
        raise ValueError("the join string is empty")
    family = _FAMILY.match(line)
    if family is None:
        raise ValueError(f"a join string begins with {PREFIX}")
    if family[0] != PREFIX:
        raise ValueError(
            "the join string is of another version than this program: use the gateway's version"
        )


def _check_address(host: str, port: int) -> None:
    try:
        msgspec.convert(host, Host)
    except msgspec.ValidationError:
        raise ValueError("the join string's host is no host name or IP address") from None
    if control_character(host):  # the pattern's end also fits before a last line break
        raise ValueError("the join string's host is no host name or IP address")
    if not 0 < port < _PORTS:
        raise ValueError("the join string's port is not of 1..65535")


def _read_pin(text: str) -> bytes:
    if not re.fullmatch(r"[0-9a-f]{64}", text):
        raise ValueError("the pin is not a SHA-256 in lower-case hex")
    return bytes.fromhex(text)


def _read_token(text: str) -> bytes:
    try:
        raw = _from_text(text)
    except ValueError:
        raw = b""
    if len(raw) != _BYTES:
        raise ValueError("the token is not one of secrets.token_urlsafe(32)")
    return raw


def _checksum(payload: bytes) -> bytes:
    return hashlib.sha256(PREFIX.encode() + payload).digest()[:_SUM]


def _to_text(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _from_text(text: str) -> bytes:
    """Decode base64url without padding; only the one spelling that encoding gives."""
    try:
        raw = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        raise ValueError(_DAMAGED) from None
    if _to_text(raw) != text:
        raise ValueError(_DAMAGED)
    return raw
