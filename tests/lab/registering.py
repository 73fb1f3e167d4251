"""Registers agents, here or as a program of its own that can be killed.

    python -m tests.lab.registering URL

takes lines `TOKEN NAME` and writes `NAME ID` for each, or `NAME refused REASON`.
"""

import base64
import hashlib
import sys

from ground2cloud.config.model import Kind
from ground2cloud.registry.errors import RefusedError
from ground2cloud.registry.records import Invite, Registration
from ground2cloud.registry.store import Registry
from ground2cloud.registry.tokens import digest

NOW = 1_795_000_000.0
"""The time in these tests, unless one says otherwise."""

SERVICES = (("postgres", Kind.POSTGRESQL), ("web", Kind.HTTP))


def make_key(seed: object = None) -> str:
    """Return a public key: always the same for the same seed."""
    raw = hashlib.sha256(repr(seed).encode()).digest()
    return "ssh-ed25519 " + base64.b64encode(b"\0\0\0\x0bssh-ed25519\0\0\0 " + raw).decode()


def make_invite(registry: Registry, renews: int | None = None, *services: str) -> str:
    """Return a token that is good for an hour."""
    return registry.invite(Invite(None, services, NOW + 3600, renews), NOW)


def enter(
    registry: Registry,
    token: str,
    name: str,
    services: tuple[tuple[str, Kind], ...] = SERVICES,
    key: str | None = None,
) -> Registration:
    """Register an agent whose key and token come from its name."""
    return registry.register(
        digest(token),
        key or make_key(name),
        name,
        services,
        agent_token_hash=digest(name),
        now=NOW,
    )


def main(url: str) -> None:
    """Do what the lines say."""
    registry = Registry(url)
    print("ready", flush=True)
    for line in sys.stdin:
        token, name = line.split()
        try:
            print(name, enter(registry, token, name).id, flush=True)
        except RefusedError as error:
            print(name, "refused", error.reason, flush=True)
    registry.close()


if __name__ == "__main__":
    main(sys.argv[1])
