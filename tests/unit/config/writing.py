"""Configuration files for these tests: a valid one, and what comes of changed ones."""

import base64
from collections.abc import Iterator, Mapping
from pathlib import Path

import tomli_w

from ground2cloud.config.load import parse_agent
from ground2cloud.errors import ConfigError

HOME = Path("/etc/g2c-test").absolute()
"""The directory that the files of these tests claim to be in."""


def host_key(kind: str = "ssh-ed25519", *fields: bytes) -> str:
    """Make a host key of the right form, which no machine has."""
    parts = [kind.encode(), *(fields or (bytes(32),))]
    blob = b"".join(len(part).to_bytes(4, "big") + part for part in parts)
    return f"{kind} {base64.b64encode(blob).decode()}"


def document() -> dict[str, dict[str, object]]:
    """Make a valid file, as a document that a test may change."""
    service = {"kind": "http", "host": "localhost", "port": 8080, "remote_bind": "127.0.0.1"}
    return {
        "gateway": {"host": "g2c.example.com", "host_key": host_key(), "user": "ground2cloud"},
        "service": [  # type: ignore[dict-item]  # the one key that is no table
            service | {"name": "quickbooks", "remote_port": 11081},
            service | {"name": "books", "remote_port": 11082},
        ],
        "ssh": {"options": {"AddressFamily": "inet"}},
        "backoff": {},
        "log": {},
        "paths": {},
        "api": {},
    }


def changed(changes: Mapping[str, object]) -> dict[str, dict[str, object]]:
    """Make the valid document with other values: `{"service.1.port": 70000}`; None removes."""
    made = document()
    for path, value in changes.items():
        *way, last = path.split(".")
        node: object = made
        for step in way:
            node = node[int(step)] if isinstance(node, list) else node[step]  # type: ignore[index] # a table
        assert isinstance(node, dict)
        if value is None:
            del node[last]
        else:
            node[last] = value
    return made


def problems(content: str | Mapping[str, object]) -> list[str]:
    """Load a text or a document and answer with the problems as a user sees them."""
    return list(_problems(content if isinstance(content, str) else tomli_w.dumps(content)))


def _problems(text: str) -> Iterator[str]:
    try:
        parse_agent(text, file="agent.toml", directory=HOME)
    except ConfigError as error:
        yield from map(str, error.problems)
