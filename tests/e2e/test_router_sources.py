"""Who calls is known by the address, IPv4 and IPv6, whichever socket it came to."""

import contextlib
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.lab import listener
from tests.lab.listener import standing
from tests.lab.places import short_directory
from tests.lab.router import Reply, Router, backend, head, key, read_head, read_reply
from tests.lab.waiting import wait_until

NETWORKS = {
    "four": ("192.0.2.0/24", "127.0.0.0/8"),
    "six": ("2001:db8::/32", "::1/128"),
    "all six": ("::/0",),
    "all four": ("0.0.0.0/0",),
    "nobody": ("192.0.2.0/24", "2001:db8::/32", "::ffff:0:0/96"),
}


@pytest.fixture(scope="module")
def router() -> Iterator[Router]:
    """On a socket for both; registration 1001 mirrors, 1002 echoes."""
    keys = [
        key(name.replace(" ", "-"), number, networks=networks, grants=((1001, None), (1002, None)))
        for number, (name, networks) in enumerate(NETWORKS.items(), start=1)
    ]
    with (
        short_directory() as directory,
        standing(listener.mirror) as mirror,
        standing(listener.echo) as echo,
    ):
        backends = [backend(mirror), backend(echo, registration=1002)]
        with Router(directory, backends, [*keys, key()], host="::") as running:
            yield running


def ask(router: Router, source: str, name: str, method: str = "GET") -> Reply:
    """Ask from this address with the key of this name."""
    target, host = ("1002:1", "1002") if method == "CONNECT" else ("/", "1001")
    with socket.create_connection((source, router.port), 10) as connection:
        secret = f"Ground2Cloud-Key: {name.replace(' ', '-')}"
        connection.sendall(head(method, target, host, secret).encode())
        return read_reply(connection) if method != "CONNECT" else _reply_to_connect(connection)


def _reply_to_connect(connection: socket.socket) -> Reply:
    status, headers = read_head(connection)
    return Reply(status, {}, b"") if status == 200 else Reply(status, headers, connection.recv(999))


@pytest.mark.parametrize("method", ["GET", "CONNECT"])
@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("source", ["127.0.0.1", "::1"])
def test_a_key_is_good_from_its_networks_alone(
    router: Router, source: str, name: str, method: str
) -> None:
    good = name.endswith("six" if ":" in source else "four")
    reply = ask(router, source, name, method)
    assert reply.status == (200 if good else 403)
    assert reply.error == (None if good else "source-not-allowed")


@pytest.mark.parametrize("source", ["127.0.0.1", "::1"])
def test_the_application_is_told_the_address_itself(router: Router, source: str) -> None:
    assert (
        f"\r\nx-forwarded-for: {source}\r\n".encode() in ask(router, source, "an-element-key").body
    )


def test_who_has_twice_as_many_connections_is_not_even_told(short_dir: Path) -> None:
    with (
        Router(short_dir, [], connections_per_source=2) as router,
        router.connect(),
        router.connect(),
        router.connect(),
        router.connect(),
    ):
        wait_until(lambda: "conn_cur=4" in router.show("show table sources"), what="all four")
        with pytest.raises(OSError, match=r"closed|reset"):
            router.get("1001")


async def test_each_ipv4_address_is_counted_by_itself(short_dir: Path) -> None:
    """Whichever socket it came to; IPv6 callers are counted by their network of 64 bits."""
    with (
        standing(listener.echo) as echo,
        Router(short_dir, [backend(echo)], host="::", connections_per_source=2) as router,
        contextlib.ExitStack() as stack,
    ):

        def connect(source: str) -> Reply:
            place = ("::1" if ":" in source else "127.0.0.1", router.port)
            connection = stack.enter_context(socket.create_connection(place, 10, (source, 0)))
            connection.sendall(head("CONNECT", "1001:1", "1001").encode())
            return _reply_to_connect(connection)

        for source in ("127.0.0.1", "127.0.0.2", "::1"):
            assert [connect(source).status for _ in range(3)] == [200, 200, 429]
        crowded = await router.runtime.refusals()
        assert crowded == {"127.0.0.1": 1, "127.0.0.2": 1, "::": 1}


@pytest.mark.parametrize("source", ["127.0.0.1", "::1"])
async def test_what_is_under_way_ends(router: Router, source: str) -> None:
    with socket.create_connection((source, router.port), 10) as connection:
        secret = "all six" if ":" in source else "all four"
        lines = head("CONNECT", "1002:1", "1002", f"Ground2Cloud-Key: {secret.replace(' ', '-')}")
        connection.sendall(lines.encode())
        assert read_head(connection)[0] == 200
        assert await router.runtime.end(lambda call: call.registration == 1002) == 1
        assert connection.recv(1) == b""
