"""Cut a stream of bytes into lines that are safe to hold: bounded, decoded, never lost at the end.

Pure. What a server sends may be a megabyte without a newline, half a character, or nothing.
"""

LINE_LIMIT = 8192
"""Bytes kept of one line. OpenSSH's own messages are cut at 1024 (log.c, MSGBUFSIZ)."""


class Lines:
    """Collects chunks and answers complete lines, without their ends (LF, CRLF)."""

    def __init__(self, limit: int = LINE_LIMIT) -> None:
        self._limit = limit
        self._partial = bytearray()
        self._cut = False

    def feed(self, chunk: bytes) -> list[str]:
        """Take a chunk; answer the lines that it completes."""
        *complete, rest = chunk.split(b"\n")
        lines = []
        for piece in complete:
            self._add(piece)
            lines.append(self._take())
        self._add(rest)
        return lines

    def end(self) -> list[str]:
        """Take the end of the stream; answer what stood there without a newline."""
        return [self._take()] if self._partial or self._cut else []

    def _add(self, piece: bytes) -> None:
        room = self._limit - len(self._partial)
        self._cut = self._cut or len(piece) > room
        self._partial += piece[:room]

    def _take(self) -> str:
        text = self._partial.decode("utf-8", "replace").removesuffix("\r")
        if self._cut:
            text += "…"
        self._partial.clear()
        self._cut = False
        return text
