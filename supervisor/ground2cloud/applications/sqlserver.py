"""SQL Server: the answer to a PRELOGIN, which comes before any user.

[MS-TDS] 2.2.6.5 PRELOGIN, TDS 7.4.
https://learn.microsoft.com/en-us/openspecs/windows_protocols/ms-tds/60f56408-0188-4cd5-8b90-25c6f2423868
"""

import struct

from ground2cloud.applications.conversation import Conversation

REPLY_LIMIT = 4096
"""Bytes of a reply, header included: a TDS packet by default. A real one has about 50."""

_PRELOGIN, _REPLY = 0x12, 0x04
_END_OF_MESSAGE = 0x01
_HEADER = struct.Struct("!BBHHBB")  # type, status, length, process, packet, window
_TOKEN = struct.Struct("!BHH")  # option, offset, length
_VERSION, _ENCRYPTION, _INSTANCE, _THREAD, _MARS, _TERMINATOR = 0, 1, 2, 3, 4, 0xFF


def prelogin() -> bytes:
    """Return the request: any version, encryption possible, any instance, no MARS."""
    options = (
        (_VERSION, bytes(6)),
        (_ENCRYPTION, b"\0"),  # ENCRYPT_OFF: able to, not asking for it
        (_INSTANCE, b"\0"),
        (_THREAD, bytes(4)),
        (_MARS, b"\0"),
    )
    offset = len(options) * _TOKEN.size + 1
    tokens, values = b"", b""
    for option, value in options:
        tokens += _TOKEN.pack(option, offset + len(values), len(value))
        values += value
    payload = tokens + bytes([_TERMINATOR]) + values
    length = _HEADER.size + len(payload)
    return _HEADER.pack(_PRELOGIN, _END_OF_MESSAGE, length, 0, 0, 0) + payload


def server_version(reply: bytes) -> str:
    """Return the version that a reply (without header) names, such as `16.0.1000`; or nothing."""
    for start in range(0, len(reply) - _TOKEN.size + 1, _TOKEN.size):
        if reply[start] == _TERMINATOR:
            break
        option, offset, length = _TOKEN.unpack_from(reply, start)
        if option == _VERSION and length >= 4 and offset + 4 <= len(reply):  # noqa: PLR2004 - major, minor, build
            major, minor, build = struct.unpack_from("!BBH", reply, offset)
            return f"{major}.{minor}.{build}"
    return ""


async def check(talk: Conversation) -> None:
    """Send the request and go as soon as it is answered."""
    await talk.send(prelogin())
    head = await talk.receive(_HEADER.size)
    kind, _, length, *_ = _HEADER.unpack(head)
    if kind != _REPLY or not _HEADER.size < length <= REPLY_LIMIT:
        raise await talk.misunderstood("TDS", head)
    reply = await talk.receive(length - _HEADER.size)
    talk.answered(f"SQL Server {server_version(reply)}".rstrip())
