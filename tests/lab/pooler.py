"""What stands between a program and its PostgreSQL, and lets in also while the server hangs."""

import contextlib
import socket
import socketserver
import threading
from typing import Self, cast

_CHUNK = 64 * 1024


class Pooler(socketserver.ThreadingTCPServer):
    """Passes logins on to 127.0.0.1:`target`, and questions unless it `hangs`; a context manager.

    Attributes:
        port: where it listens, on 127.0.0.1.
    """

    daemon_threads = True
    block_on_close = False

    def __init__(self, target: int) -> None:
        super().__init__(("127.0.0.1", 0), _Session)
        self.target = target
        self.port = self.server_address[1]
        self.hangs = threading.Event()

    def __enter__(self) -> Self:
        threading.Thread(target=self.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.shutdown()
        self.server_close()


class _Session(socketserver.BaseRequestHandler):
    def handle(self) -> None:
        pooler, near = cast("Pooler", self.server), cast("socket.socket", self.request)
        with socket.create_connection(("127.0.0.1", pooler.target)) as far:
            threading.Thread(target=_answer, args=(far, near), daemon=True).start()
            with contextlib.suppress(OSError):
                while said := near.recv(_CHUNK):
                    # A login begins with its length, below 2^24; a question with a letter.
                    if said[0] == 0 or not pooler.hangs.is_set():
                        far.sendall(said)
            with contextlib.suppress(OSError):
                far.shutdown(socket.SHUT_RDWR)


def _answer(far: socket.socket, near: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while said := far.recv(_CHUNK):
            near.sendall(said)
