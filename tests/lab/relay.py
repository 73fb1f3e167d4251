"""A relay on loopback that comes to its target from another loopback address.

Servers treat 127.0.0.1 specially (MySQL never blocks it); behind the relay a client is 127.0.0.2.
"""

import contextlib
import socket
import socketserver
import threading
from collections.abc import Callable
from typing import Self, cast

CHUNK = 64 * 1024


class Relay(socketserver.ThreadingTCPServer):
    """Passes every connection on to 127.0.0.1:`target`; use it as a context manager.

    Its end waits for the end of every connection, so that none comes to its target later.

    Attributes:
        port: where it listens, on 127.0.0.1.
        target, source: the port it connects to, and the address it comes from.
    """

    def __init__(self, target: int, source: str = "127.0.0.2") -> None:
        super().__init__(("127.0.0.1", 0), _Pair)
        self.target = target
        self.source = source
        self.port = self.server_address[1]

    def passes(self, said: bytes) -> bool:
        """Tell whether this piece of what a client says goes on to the target."""
        del said
        return True

    def __enter__(self) -> Self:
        threading.Thread(target=self.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.shutdown()
        self.server_close()


class _Pair(socketserver.BaseRequestHandler):
    def handle(self) -> None:
        relay = cast("Relay", self.server)
        near = cast("socket.socket", self.request)
        address = ("127.0.0.1", relay.target)
        with socket.create_connection(address, source_address=(relay.source, 0)) as far:
            back = threading.Thread(target=_pump, args=(far, near), daemon=True)
            back.start()
            _pump(near, far, relay.passes)
            back.join()


def _pump(
    source: socket.socket, sink: socket.socket, passes: Callable[[bytes], bool] = bool
) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(CHUNK):
            if passes(data):
                sink.sendall(data)
    with contextlib.suppress(OSError):
        sink.shutdown(socket.SHUT_WR)
