"""One bounded conversation with an application: few bytes, no surprise.

The protocol modules (`http`, `mysql`, …) talk through this class. What the other side does wrong is
a `NoAnswerError` or an OSError, and `probe` makes an answer of both.
"""

import asyncio
import contextlib
import socket
import ssl

RECEIVE_LIMIT = 64 * 1024
"""Bytes read in one conversation; what is waited for here has a few hundred."""

SHOWN = 100
"""Characters that are shown of what was not understood."""


class NoAnswerError(Exception):
    """The other side doesn't answer as its kind should; the message says what it did."""


class Conversation:
    """What one check says and hears.

    Attributes:
        host, port: where the application is, as the configuration names it.
        detail: what the application answered; None until `answered`.
        answered_at: when it did, in the loop's time.
    """

    def __init__(self, host: str, port: int, connection: socket.socket) -> None:
        self.host = host
        self.port = port
        self.detail: str | None = None
        self.answered_at = 0.0
        self._loop = asyncio.get_running_loop()
        # Not a StreamReader: that one forgets what was said when a reset follows at once, as it
        # does after the answer of a server that doesn't read a request to its end.
        self._connection = connection
        self._budget = RECEIVE_LIMIT

    def answered(self, detail: str) -> None:
        """Note that the application answers. What comes after is courtesy and may fail."""
        self.detail = detail
        self.answered_at = self._loop.time()

    async def send(self, data: bytes) -> None:
        """Send all of it."""
        await self._loop.sock_sendall(self._connection, data)

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
        # Byte by byte: nothing after the line is taken, and a line is short.
        while len(line) < limit and not line.endswith(b"\n"):
            line += await self._receive_some(1)
        return line.rstrip(b"\r\n")

    async def receive_rest(self, limit: int, wait: float) -> bytes:
        """Return what comes before the end, at most `limit` bytes and within `wait` seconds."""
        rest = b""
        with contextlib.suppress(NoAnswerError, OSError):
            async with asyncio.timeout(wait):
                while len(rest) < limit:
                    rest += await self._receive_some(limit - len(rest))
        return rest

    async def misunderstood(self, protocol: str, said: bytes) -> NoAnswerError:
        """Return the error for something that is not `protocol`, with what follows it."""
        said += await self.receive_rest(SHOWN, wait=0.2)
        return NoAnswerError(f"does not speak {protocol}, it said: {shown(said)}")

    async def shake_hands(self) -> None:
        """Begin TLS and end it, without looking at the certificate: nothing is said with it."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        # Old servers too: a handshake that fails leaves an error in their logs.
        context.set_ciphers("ALL:@SECLEVEL=0")
        context.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
        heard, to_say = ssl.MemoryBIO(), ssl.MemoryBIO()
        tls = context.wrap_bio(heard, to_say)
        while True:
            try:
                tls.do_handshake()
            except ssl.SSLWantReadError:
                await self.send(to_say.read())
                heard.write(await self._receive_some(4096))
            else:
                break
        with contextlib.suppress(ssl.SSLWantReadError):
            tls.unwrap()  # says goodbye, and would wait for one
        await self.send(to_say.read())

    def close(self) -> None:
        """End the connection."""
        self._connection.close()

    async def _receive_some(self, most: int) -> bytes:
        if not self._budget:
            raise NoAnswerError("said too much")
        data = await self._loop.sock_recv(self._connection, min(most, self._budget))
        if not data:
            raise NoAnswerError("closed the connection")
        self._budget -= len(data)
        return data


def shown(said: bytes, limit: int = SHOWN) -> str:
    """Return foreign bytes as one harmless line: printable ASCII, the rest escaped, not longer."""
    text = said[: limit + 1].decode("ascii", "backslashreplace")
    text = "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)
    return text if len(text) <= limit else text[: limit - 1] + "…"
