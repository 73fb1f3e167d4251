"""Requests from other loopback addresses, for those who may ask only so often from one."""

import itertools
from typing import Any

import requests
from requests.adapters import HTTPAdapter

_NUMBERS = itertools.count()


def new_source() -> str:
    """Return an address of 127.1.0.0/16 that was not given yet."""
    number = next(_NUMBERS)
    return f"127.1.{number // 250}.{number % 250 + 1}"


def session_from(source: str) -> requests.Session:
    """Make a session that connects from an address."""
    session = requests.Session()
    session.mount("https://", _From(source))
    return session


class _From(HTTPAdapter):
    def __init__(self, source: str) -> None:
        self._source = source
        super().__init__()

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401 - passed on
        super().init_poolmanager(*args, source_address=(self._source, 0), **kwargs)
