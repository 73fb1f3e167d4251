"""SQL Server as far as its PRELOGIN answer, as [MS-TDS] 2.2.6.5 writes it down."""

import socket
import struct

VERSION, ENCRYPTION, INSTANCE, THREAD, MARS, TERMINATOR = 0, 1, 2, 3, 4, 0xFF

HEADER = struct.Struct("!BBHHBB")
"""Type, status, length, process, packet, window."""

SQL_SERVER_2022 = {VERSION: struct.pack("!BBHH", 16, 0, 1000, 0), ENCRYPTION: b"\0", MARS: b"\0"}


def read_options(payload: bytes) -> dict[int, bytes]:
    """Take a PRELOGIN payload apart: tokens of option, offset and length, then the values."""
    options = {}
    start = 0
    while payload[start] != TERMINATOR:
        option, offset, length = struct.unpack_from("!BHH", payload, start)
        options[option] = payload[offset : offset + length]
        assert len(options[option]) == length
        start += 5
    return options


def write_reply(options: dict[int, bytes]) -> bytes:
    """Put a server's reply together: tabular result, end of message."""
    tokens, values = b"", b""
    for option, value in options.items():
        offset = 5 * len(options) + 1 + len(values)
        tokens += struct.pack("!BHH", option, offset, len(value))
        values += value
    payload = tokens + bytes([TERMINATOR]) + values
    return HEADER.pack(4, 1, HEADER.size + len(payload), 0, 1, 0) + payload


def sql_server(connection: socket.socket) -> None:
    """Answer PRELOGIN; a habit for `listener.standing`."""
    head = connection.recv(HEADER.size, socket.MSG_WAITALL)
    if len(head) < HEADER.size:
        return
    kind, _, length, *_ = HEADER.unpack(head)
    options = read_options(connection.recv(length - HEADER.size, socket.MSG_WAITALL))
    if kind == 0x12 and VERSION in options:
        connection.sendall(write_reply(SQL_SERVER_2022))
        connection.recv(1)  # the caller ends it
