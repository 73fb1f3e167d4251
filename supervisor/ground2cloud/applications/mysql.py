"""MySQL and MariaDB: the greeting; then a login that is refused, because that is polite.

The server speaks first. A client that goes without a login counts as a failed handshake, and after
`max_connect_errors` of those (100) the server refuses every client of this machine:
`Host '…' is blocked because of many connection errors`. A login that is refused counts as well, but
not towards that (measured with MariaDB 10.11, and so in MySQL's `Host_errors::sum_connect_errors`).
For that the whole dance must be danced: a server picks the method of some account for a user it
doesn't know, and a reply of the wrong length is again a failed handshake.

An account without rights and password (`CREATE USER ground2cloud_check`) turns the refusal into a
login, if someone wants the server's log without it.

https://mariadb.com/docs/server/reference/clientserver-protocol/1-connecting/connection
"""

import struct
from dataclasses import dataclass

from ground2cloud.applications.conversation import Conversation, NoAnswerError, shown

USER = b"ground2cloud_check"

PACKET_LIMIT = 4096
"""Bytes of a packet; a greeting has about 100."""

ROUNDS = 8
"""Packets the server may send after the greeting; a real login needs one to three."""

REPLIES: dict[bytes, tuple[bytes, ...]] = {
    b"caching_sha2_password": (b"\0",),
    b"sha256_password": (b"\0",),
    b"mysql_clear_password": (b"\0",),
    b"client_ed25519": (bytes(64),),  # a signature
    b"parsec": (b"", bytes(32 + 64)),  # "your salt?", then scramble and signature
}
"""Per method of authentication, replies that are well formed and wrong; nothing for all others."""

_LONG_PASSWORD, _PROTOCOL_41, _SECURE_CONNECTION, _PLUGIN_AUTH = 0x1, 0x200, 0x8000, 0x80000
_CAPABILITIES = _LONG_PASSWORD | _PROTOCOL_41 | _SECURE_CONNECTION | _PLUGIN_AUTH
_UTF8 = 33
_QUIT = b"\x01"
_ERROR = b"\xff"


@dataclass(frozen=True, slots=True)
class Greeting:
    """What a server says of itself: its version, and the method it would like to log in with."""

    version: str
    method: bytes


async def check(talk: Conversation) -> None:
    """Read the greeting, then log in as someone who isn't known, and leave."""
    sequence, packet = await _receive(talk)
    if packet[:1] == _ERROR:
        raise NoAnswerError(f"refuses: {error_text(packet)}")
    greeting = parse_greeting(packet)
    talk.answered(f"version {greeting.version}")
    await _log_in(talk, sequence, greeting.method)


async def _log_in(talk: Conversation, sequence: int, method: bytes) -> None:
    replies = iter(REPLIES.get(method, ()))
    await _send(talk, sequence + 1, login(method, next(replies, b"")))
    for _ in range(ROUNDS):
        sequence, packet = await _receive(talk)
        match packet[:1]:
            case b"\0":  # logged in
                await _send(talk, 0, _QUIT)
                return
            case b"\xff":  # refused
                return
            case b"\xfe":  # by another method, please; anything else is a question of this one
                replies = iter(REPLIES.get(packet[1:].split(b"\0")[0], ()))
        await _send(talk, sequence + 1, next(replies, b""))


def parse_greeting(packet: bytes) -> Greeting:
    """Understand the first packet of a server (Protocol::HandshakeV10).

    Raises:
        NoAnswerError: it is none.
    """
    version, end, rest = packet[1:].partition(b"\0")
    # Connection id 4, scramble 8, filler 1, capabilities 2, character set 1, status 2,
    # capabilities 2, length of the scramble 1, filler 10; then the scramble's second part.
    fixed = 31
    if packet[:1] != b"\x0a" or not end or len(rest) < fixed:
        raise NoAnswerError(f"does not speak MySQL, it said: {shown(packet)}")
    method = b"mysql_native_password"
    capabilities = struct.unpack_from("<H", rest, 18)[0] << 16
    if capabilities & _PLUGIN_AUTH:
        second_part = max(13, rest[20] - 8)
        method = rest[fixed + second_part :].split(b"\0")[0] or method
    # MariaDB puts 5.5.5- before its version, for replicas of the old kind.
    return Greeting(shown(version.removeprefix(b"5.5.5-"), 60), method)


def login(method: bytes, reply: bytes) -> bytes:
    """Return a Protocol::HandshakeResponse41 for `USER` without a password."""
    head = struct.pack("<IIB23x", _CAPABILITIES, PACKET_LIMIT, _UTF8)
    return head + USER + b"\0" + bytes([len(reply)]) + reply + method + b"\0"


def error_text(packet: bytes) -> str:
    """Return the words and the number of an ERR packet."""
    number = int.from_bytes(packet[1:3], "little")
    words = packet[3:]
    if words[:1] == b"#":  # a five-letter SQL state comes first
        words = words[6:]
    return f"{shown(words, 160)} ({number})"


async def _receive(talk: Conversation) -> tuple[int, bytes]:
    head = await talk.receive(4)
    length = int.from_bytes(head[:3], "little")
    if not 0 < length <= PACKET_LIMIT:
        raise await talk.misunderstood("MySQL", head)
    return head[3], await talk.receive(length)


async def _send(talk: Conversation, sequence: int, payload: bytes) -> None:
    await talk.send(len(payload).to_bytes(3, "little") + bytes([sequence % 256]) + payload)
