"""A TLS server that answers whatever a test wants, under any certificate."""

import contextlib
import socket
import ssl
import threading
from collections.abc import Callable, Iterator

from ground2cloud.backchannel.client import Client
from ground2cloud.backchannel.tls import Certificates
from tests.lab.fake_desk import TOKEN

NAMES = ("127.0.0.1",)
"""What the certificates of both sides in these tests are for."""

HTTP = b"HTTP/1.1 %d X\r\nContent-Length: %d\r\n\r\n%b"


def http(body: bytes, status: int = 200) -> bytes:
    """An answer as it should be."""
    return HTTP % (status, len(body), body)


Speaker = Callable[[ssl.SSLSocket, bytes, threading.Event], None]
"""Gets the connection, the request's first bytes, and an event that says that the test is over."""


def saying(content: bytes) -> Speaker:
    """Answer every request with these bytes."""
    return lambda connection, _request, _over: connection.sendall(content)


@contextlib.contextmanager
def lying(context: ssl.SSLContext, speak: Speaker) -> Iterator[tuple[int, list[bytes]]]:
    """Answer every connection with `speak`; give the port and the requests that came."""
    requests: list[bytes] = []
    over = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            while not over.is_set():
                plain, _ = listener.accept()
                with contextlib.suppress(OSError), plain:
                    _answer(plain)

        def _answer(plain: socket.socket) -> None:
            plain.settimeout(10)
            with context.wrap_socket(plain, server_side=True) as secure:
                request = secure.recv(65536)
                if request and not over.is_set():
                    requests.append(request)
                    speak(secure, request, over)
                    with contextlib.suppress(OSError):
                        secure.unwrap()

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield listener.getsockname()[1], requests
        finally:
            over.set()
            with contextlib.suppress(OSError):
                socket.create_connection(listener.getsockname(), timeout=5).close()
            thread.join(15)


def client_of(
    port: int, certificates: Certificates, *, fetch: bool = False, timeout: float = 5.0
) -> Client:
    """Make a client of a gateway with these certificates, who has kept its CA or must fetch it."""
    return Client(
        "127.0.0.1",
        port,
        pin=certificates.pin,
        authority="" if fetch else certificates.authority,
        token=TOKEN,
        timeout=timeout,
    )
