"""Clients that ask all the time, each request on a connection of its own."""

import hashlib
import http.client
import random
import threading
import time
from collections.abc import Callable, Mapping
from typing import NamedTuple, Self

from tests.lab.waiting import http_get

CLIENTS = 4
PAUSE = 0.02
TIMEOUT = 5.0
BULK = 200_000
UPLOAD = 50_000

Expected = Mapping[int, str]
"""The name of the application that is behind each port."""


class Failure(NamedTuple):
    """A request that was not answered, or wrongly. Times as of `time.monotonic`."""

    began: float
    ended: float
    what: str


class Traffic:
    """Asks from several threads; use it as a context manager.

    Args:
        expected: which application is to answer on which port, at this moment.
    """

    def __init__(self, expected: Callable[[], Expected]) -> None:
        self.answered = 0
        self.failures: list[Failure] = []
        self.corrupt: list[str] = []
        self._expected = expected
        self._lock = threading.Lock()
        self._end = threading.Event()
        self._threads = [
            threading.Thread(target=self._run, args=(random.Random(number),), daemon=True)
            for number in range(CLIENTS)
        ]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._end.set()
        for thread in self._threads:
            thread.join()

    def failed_within(self, began: float, ended: float) -> list[Failure]:
        """Return the failures of requests that lay in this span completely."""
        with self._lock:
            return [one for one in self.failures if one.began >= began and one.ended <= ended]

    def _run(self, luck: random.Random) -> None:
        while not self._end.wait(PAUSE):
            ports = sorted(self._expected())
            if ports:
                self._ask(luck.choice(ports), luck)

    def _ask(self, port: int, luck: random.Random) -> None:
        began = time.monotonic()
        expected = self._expected().get(port)
        try:
            kind = luck.random()
            if kind < 0.1:
                self._upload(port, luck.randbytes(UPLOAD))
            elif kind < 0.2:
                self._download(port)
            else:
                said = http_get(port, timeout=TIMEOUT).strip()
                if said != f"hello from {expected}":
                    raise ConnectionError(f"expected {expected}, got {said!r}")
        except OSError as error:
            with self._lock:
                failure = Failure(began, time.monotonic(), f"port {port}: {error}")
                self.failures.append(failure)
        else:
            with self._lock:
                self.answered += 1

    def _download(self, port: int) -> None:
        got = len(http_get(port, f"/bytes/{BULK}", timeout=TIMEOUT))
        if got != BULK:
            self.corrupt.append(f"port {port}: {got} bytes instead of {BULK}")

    def _upload(self, port: int, body: bytes) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=TIMEOUT)
        try:
            connection.request("POST", "/upload", body, {"Connection": "close"})
            said = connection.getresponse().read().decode()
        except http.client.HTTPException as error:
            raise ConnectionError(repr(error)) from error
        finally:
            connection.close()
        if said != hashlib.sha256(body).hexdigest():
            self.corrupt.append(f"port {port}: another digest came back: {said[:80]!r}")
