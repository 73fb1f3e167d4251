"""A tiny HTTP application for the far end of a tunnel: HTTP/1.1, one thread a connection."""

import contextlib
import hashlib
import http.server
import socket
import threading
from http import HTTPStatus
from typing import Any, Self

from tests.lab.ports import free_port

CHUNK = 64 * 1024


class HttpApp:
    """An application on a loopback port; use it as a context manager.

    | request | answer |
    |---|---|
    | `GET /` and any other path | `hello from NAME`, and a line end |
    | `GET /bytes/N` | N zero bytes |
    | `POST /echo` | the body that was sent |
    | `POST /upload` | the SHA-256 of the body, in hex |

    HEAD is answered like GET, PUT like POST.

    Attributes:
        name, host, port: the port stays the same over `stop` and `start`.
        requests: the number of requests it has answered.
    """

    def __init__(self, name: str = "app", *, host: str = "127.0.0.1", port: int = 0) -> None:
        self.name = name
        self.host = host
        self.port = port or free_port()
        self.requests = 0
        self._counting = threading.Lock()
        self._server: _Server | None = None
        self._thread: threading.Thread | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        """Listen and answer."""
        assert self._server is None, f"{self.name} is running already"
        self._server = _Server((self.host, self.port), self)
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(0.02,), name=f"http {self.name}", daemon=True
        )
        self._thread.start()

    def stop(self) -> None:
        """Close the port and every connection, as the end of the application would."""
        if self._server is None or self._thread is None:
            return
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
        self._server.close_connections()
        self._server = self._thread = None

    @property
    def connections(self) -> int:
        """How many connections are open now."""
        return len(self._server.open_connections) if self._server else 0

    def count(self) -> None:
        """Count one request."""
        with self._counting:
            self.requests += 1


class _Server(http.server.ThreadingHTTPServer):
    request_queue_size = 128
    daemon_threads = True

    def __init__(self, address: tuple[str, int], app: HttpApp) -> None:
        self.app = app
        self.open_connections: set[socket.socket] = set()
        super().__init__(address, _Handler)

    def process_request(self, request: Any, client_address: Any) -> None:  # noqa: ANN401 - the base class says Any
        self.open_connections.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:  # noqa: ANN401 - the base class says Any
        self.open_connections.discard(request)
        super().shutdown_request(request)

    def close_connections(self) -> None:
        for connection in tuple(self.open_connections):
            # The thread that reads it sees the end and closes it; or has done so by now.
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def handle_error(self, *_: object) -> None:
        """A client that went away is everyday here."""


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1  # header and body leave in one packet
    server: _Server

    def do_GET(self) -> None:
        if self.path.startswith("/bytes/"):
            self._answer(int(self.path.removeprefix("/bytes/")))
        else:
            self._answer(f"hello from {self.server.app.name}\n".encode())

    def do_POST(self) -> None:
        left = int(self.headers.get("Content-Length", 0))
        echo = self.path == "/echo"
        body, digest = bytearray(), hashlib.sha256()
        while left and (chunk := self.rfile.read(min(left, CHUNK))):
            left -= len(chunk)
            digest.update(chunk)
            if echo:
                body += chunk
        self._answer(bytes(body) if echo else digest.hexdigest().encode())

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_PUT(self) -> None:
        self.do_POST()

    def _answer(self, body: bytes | int) -> None:
        self.server.app.count()
        length = body if isinstance(body, int) else len(body)
        self.send_response(HTTPStatus.OK)
        self.send_header("Content-Type", "application/octet-stream")
        self.send_header("Content-Length", str(length))
        self.end_headers()
        if self.command == "HEAD":
            return
        if isinstance(body, bytes):
            self.wfile.write(body)
        else:
            for start in range(0, body, CHUNK):
                self.wfile.write(bytes(min(CHUNK, body - start)))

    def log_message(self, *_: object) -> None:
        """Keep quiet."""
