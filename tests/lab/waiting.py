"""Waiting for what must become true: polls to a deadline, and says what it waited for."""

import asyncio
import http.client
import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

INTERVAL = 0.02
"""Seconds between two looks."""


def wait_until(
    predicate: Callable[[], T | None],
    *,
    timeout: float = 20.0,
    what: str,
    interval: float = INTERVAL,
) -> T:
    """Return the predicate's first true value.

    An OSError of the predicate (refused, reset, no such file) means "not yet".

    Raises:
        AssertionError: nothing true within `timeout` seconds; says what, and the last error.
    """
    deadline = time.monotonic() + timeout
    while True:
        value, error = _look(predicate)
        if value:
            return value
        if time.monotonic() >= deadline:
            raise AssertionError(_failure(what, timeout, error)) from error
        time.sleep(interval)


async def eventually(
    predicate: Callable[[], T | None],
    *,
    timeout: float = 20.0,
    what: str,
    interval: float = INTERVAL,
) -> T:
    """Do the same in a coroutine: other tasks of the loop run between two looks."""
    deadline = time.monotonic() + timeout
    while True:
        value, error = _look(predicate)
        if value:
            return value
        if time.monotonic() >= deadline:
            raise AssertionError(_failure(what, timeout, error)) from error
        await asyncio.sleep(interval)


def http_get(port: int, path: str = "/", timeout: float = 5.0, *, host: str = "127.0.0.1") -> str:
    """Return the body that `GET path` is answered with, on a connection of its own.

    Raises:
        OSError: no connection, no answer within `timeout` seconds of silence, or not status 200.
    """
    connection = http.client.HTTPConnection(host, port, timeout=timeout)
    try:
        connection.request("GET", path, headers={"Connection": "close"})
        response = connection.getresponse()
        body = response.read().decode()
    except http.client.HTTPException as error:
        raise ConnectionError(f"{host}:{port}{path}: {error!r}") from error
    finally:
        connection.close()
    if response.status != http.client.OK:
        raise ConnectionError(f"{host}:{port}{path}: status {response.status}")
    return body


def _look(predicate: Callable[[], T | None]) -> tuple[T | None, OSError | None]:
    try:
        return predicate(), None
    except OSError as error:
        return None, error


def _failure(what: str, timeout: float, error: OSError | None) -> str:
    return f"not within {timeout:g} s: {what}" + (f" (last: {error!r})" if error else "")
