"""One exchange of the agent with its gateway, bounded in bytes and in time as a whole.

`http.client` alone bounds neither: a timeout of a socket counts from byte to byte, and `100
Continue` may come for ever. So it reads through a stream that knows the end of both.
"""

import http.client
import io
import socket
import ssl
from collections.abc import Callable
from dataclasses import dataclass

from ground2cloud.backchannel.calls import BODY_LIMIT

CONNECT = 4.0
"""Seconds for a connection to one address: the system asks at once, after 1 s and after 3 s.

However busy a gateway is, its kernel answers: one that does not is away, or kept away from us.
"""

_LEAST = 0.001  # seconds; 0 would mean not to wait at all
_HEAD_LIMIT = 64 * 1024  # status line and headers; an honest head has 400 bytes

# OpenSSL's X509_V_FLAG_NO_CHECK_TIME, which Python has no name for. A machine whose clock is wrong
# must still reach its gateway, and what it trusts is one pinned CA, not a date.
_NO_DATES = 0x200000


@dataclass(frozen=True, slots=True)
class Reply:
    """What came back, whole."""

    status: int
    headers: http.client.HTTPMessage
    body: bytes


class NoConnectionError(TimeoutError):
    """Nobody answered, not even to refuse."""


def trust(authority: str) -> ssl.SSLContext:
    """Trust this CA (PEM) and nothing else; the name must be right, the dates don't matter."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.load_verify_locations(cadata=authority)
    context.verify_flags |= ssl.VerifyFlags(_NO_DATES)
    return context


def trust_nobody() -> ssl.SSLContext:
    """Verify nothing: for the one call whose answer is proven by itself."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def exchange(
    address: tuple[str, int],
    context: ssl.SSLContext,
    request: tuple[str, str, dict[str, str], bytes | None],
    deadline: float,
    now: Callable[[], float],
) -> Reply:
    """Send one request (method, path, headers, body) on a connection of its own.

    Args:
        address: host and port.
        context: whom to trust.
        request: method, path, headers, body.
        deadline: moment of `now` by which all must be over; finding the host's address alone is in
            the hands of the system.
        now: a monotonic clock.

    Raises:
        NoConnectionError: no address answered at all.
        TimeoutError: not over by the deadline.
        OSError: no connection, no TLS (`ssl.SSLError`), or cut off.
        http.client.HTTPException: not HTTP, or too large.
    """
    method, path, headers, body = request
    host, port = address
    with (
        _connect(address, deadline, now) as plain,
        context.wrap_socket(plain, server_hostname=host) as secure,
    ):
        connection = http.client.HTTPConnection(host, port)
        connection.sock = _Socket(secure, deadline, now)
        connection.request(method, path, body=body, headers=headers)
        response = connection.getresponse()
        content = response.read(BODY_LIMIT)
        if not _is_whole(response, content):
            raise http.client.HTTPException("too large, or cut off")
        return Reply(response.status, response.headers, content)


def _connect(address: tuple[str, int], deadline: float, now: Callable[[], float]) -> socket.socket:
    """Connect to the first of the host's addresses that answers, and leave time for the rest.

    Each gets its share of the time that is left: an IPv6 that leads nowhere must not use it up.
    """
    found = socket.getaddrinfo(*address, type=socket.SOCK_STREAM)
    failed: OSError = NoConnectionError()
    for place, (*_, where) in enumerate(found):
        share = min(CONNECT, _left(deadline, now) / (len(found) - place + 1))
        try:
            plain = socket.create_connection((str(where[0]), int(where[1])), timeout=share)
        except TimeoutError:
            failed = NoConnectionError()
        except OSError as error:
            failed = error
        else:
            plain.settimeout(max(deadline - now(), _LEAST))
            return plain
    raise failed


def _is_whole(response: http.client.HTTPResponse, content: bytes) -> bool:
    """Whether all that was announced came: a bounded read does not raise `IncompleteRead`."""
    announced = response.headers.get("Content-Length")
    if response.chunked:
        return response.isclosed()
    return announced is not None and len(content) == int(announced)


def _left(deadline: float, now: Callable[[], float]) -> float:
    left = deadline - now()
    if left <= 0:
        raise TimeoutError
    return left


class _Socket:
    """As much of a socket as `http.client` uses. Closing is left to `exchange`."""

    def __init__(self, sock: ssl.SSLSocket, deadline: float, now: Callable[[], float]) -> None:
        self._sock = sock
        self._deadline = deadline
        self._now = now

    def sendall(self, data: bytes) -> None:
        """Send it all."""
        self._sock.settimeout(_left(self._deadline, self._now))
        self._sock.sendall(data)

    def makefile(self, _mode: str) -> io.BufferedReader:
        """Be read."""
        return io.BufferedReader(_Reader(self._sock, self._deadline, self._now))

    def close(self) -> None:
        """Do nothing: the answer is still to be read."""


class _Reader(io.RawIOBase):
    """What the socket says, until a moment and up to a number of bytes."""

    def __init__(self, sock: ssl.SSLSocket, deadline: float, now: Callable[[], float]) -> None:
        self._sock = sock
        self._deadline = deadline
        self._now = now
        self._budget = _HEAD_LIMIT + BODY_LIMIT

    def readable(self) -> bool:
        """It is."""
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override] # the only buffer BufferedReader gives
        """Read once, within the bounds."""
        if self._budget <= 0:
            raise http.client.HTTPException("the answer has no end")
        self._sock.settimeout(_left(self._deadline, self._now))
        count = self._sock.recv_into(buffer)
        self._budget -= count
        return count
