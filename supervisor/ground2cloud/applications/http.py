"""HTTP: any status line is an answer, whatever the status."""

import re

from ground2cloud import __version__
from ground2cloud.applications.conversation import RECEIVE_LIMIT, Conversation, shown
from ground2cloud.core.addresses import bracketed

LINE_LIMIT = 200
"""Bytes of a status line that are read; real ones have about 20."""

COURTESY = 1.0
"""Seconds the application gets to finish and close, so that it doesn't see a broken connection."""

_STATUS_LINE = re.compile(rb"HTTP/\d(?:\.\d)? (\d{3})(?: (.*))?")
_START = b"HTTP/"
_TLS_ALERT = b"\x15\x03"


async def check(talk: Conversation) -> None:
    """Ask for the head of `/`: the least an application has to do to show that it answers."""
    host = bracketed(talk.host)
    request = (
        "HEAD / HTTP/1.1",
        f"Host: {host}:{talk.port}",
        f"User-Agent: ground2cloud/{__version__} (check)",
        "Accept: */*",
        "Connection: close",
    )
    await talk.send("\r\n".join([*request, "", ""]).encode("ascii", "replace"))
    start = await talk.receive(len(_START))
    if start.startswith(_TLS_ALERT):
        talk.answered("answers with TLS")
        return
    line = start + (await talk.receive_line(LINE_LIMIT) if start == _START else b"")
    match = _STATUS_LINE.fullmatch(line)
    if match is None:
        raise await talk.misunderstood("HTTP", line)
    status, reason = match.groups()
    talk.answered(f"HTTP {status.decode()} {shown(reason or b'', 60)}".rstrip())
    await talk.receive_rest(RECEIVE_LIMIT, COURTESY)
