"""One bounded conversation with an application: few bytes, no surprise.

The protocol modules (`http`, `mysql`, …) talk through this class. What the other side does wrong is
a `NoAnswerError` or an OSError, and `probe` makes an answer of both.
"""

import asyncio
import contextlib
import ssl

RECEIVE_LIMIT = 64 * 1024
"""Bytes read in one conversation; what is waited for here has a few hundred."""

SHOWN = 100
"""Characters that are shown of what was not understood."""

CLOSE_TIMEOUT = 0.5
"""Seconds that the end of a connection may take before it is cut."""


class NoAnswerError(Exception):
    """The other side doesn't answer as its kind should; the message says what it did."""


class Conversation:
    """What one check says and hears.

    Attributes:
        host, port: where the application is, as the configuration names it.
        detail: what the application answered; None until `answered`.
        answered_at: when it did, in the loop's time.
    """

    def __init__(
        self, host: str, port: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self.host = host
        self.port = port
        self.detail: str | None = None
        self.answered_at = 0.0
        self._reader = reader
        self._writer = writer
        self._budget = RECEIVE_LIMIT

    def answered(self, detail: str) -> None:
        """Note that the application answers. What comes after is courtesy and may fail."""
        self.detail = detail
        self.answered_at = asyncio.get_running_loop().time()

    async def send(self, data: bytes) -> None:
        """Send all of it."""
        self._writer.write(data)
        await self._writer.drain()

    async def receive(self, count: int) -> bytes:
        """Return exactly `count` bytes.

        Raises:
            NoAnswerError: the connection ended before, or the other side has said too much.
        """
        data = b""
        while len(data) < count:
            data += await self._receive_some(count - len(data))
        return data

    async def receive_line(self, limit: int) -> bytes:
        r"""Return what comes before the next \n, at most `limit` bytes, without a \r at its end.

        Raises:
            NoAnswerError: the connection ended before.
        """
        line = b""
        # Byte by byte out of the reader's buffer: nothing after the line is taken.
        while len(line) < limit and not line.endswith(b"\n"):
            line += await self._receive_some(1)
        return line.rstrip(b"\r\n")

    async def receive_rest(self, limit: int, wait: float) -> bytes:
        """Return what comes before the end, at most `limit` bytes and within `wait` seconds."""
        rest = b""
        with contextlib.suppress(NoAnswerError, TimeoutError):
            async with asyncio.timeout(wait):
                while len(rest) < limit:
                    rest += await self._receive_some(limit - len(rest))
        return rest

    async def misunderstood(self, protocol: str, said: bytes) -> NoAnswerError:
        """Return the error for something that is not `protocol`, with what follows it."""
        said += await self.receive_rest(SHOWN, wait=0.2)
        return NoAnswerError(f"does not speak {protocol}, it said: {shown(said)}")

    async def encrypt(self) -> None:
        """Go on with TLS, without looking at the certificate: nothing secret will be said."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        # Old servers too: a handshake that fails leaves an error in their logs.
        context.set_ciphers("ALL:@SECLEVEL=0")
        context.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
        await self._writer.start_tls(context)

    async def close(self) -> None:
        """End the connection; cut it when that takes too long."""
        self._writer.close()
        try:
            async with asyncio.timeout(CLOSE_TIMEOUT):
                await self._writer.wait_closed()
        except (OSError, TimeoutError):
            self._writer.transport.abort()

    async def _receive_some(self, most: int) -> bytes:
        data = await self._reader.read(min(most, self._budget))
        if not data:
            said = "said too much" if not self._budget else "closed the connection"
            raise NoAnswerError(said)
        self._budget -= len(data)
        return data


def shown(said: bytes, limit: int = SHOWN) -> str:
    """Return foreign bytes as one harmless line: printable ASCII, the rest escaped, not longer."""
    text = said[: limit + 1].decode("ascii", "backslashreplace")
    text = "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)
    return text if len(text) <= limit else text[: limit - 1] + "…"
