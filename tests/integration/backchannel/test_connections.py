"""Strangers who hold connections: they are bounded in number and time, and agents get through."""

import asyncio
import contextlib
import itertools
import socket
import ssl
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from ground2cloud.backchannel import wire
from ground2cloud.backchannel.connections import Room
from ground2cloud.backchannel.errors import RefusedError, Slug
from ground2cloud.backchannel.server import BackchannelServer
from ground2cloud.backchannel.tls import CERTIFICATE_FILE, Certificates
from ground2cloud.core import clock
from tests.lab.fake_desk import TOKEN, UNLIMITED, FakeDesk, Place, serving
from tests.lab.flooding import flooding
from tests.lab.waiting import wait_until

SELF = "/v1/registrations/self"
HEAD = (
    f"PUT {SELF}/services HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {TOKEN}\r\n"
    "Content-Type: application/json\r\nContent-Length: 15\r\n\r\n"
).encode()


def plain(place: Place) -> socket.socket:
    return socket.create_connection(("127.0.0.1", place.server.port), timeout=10)


def secure(place: Place) -> ssl.SSLSocket:
    context = wire.trust(place.certificates.authority)
    return context.wrap_socket(plain(place), server_hostname="127.0.0.1")


def ended(connection: socket.socket) -> bool:
    """Whether the other side ends this connection within its timeout."""
    try:
        return connection.recv(100) == b""
    except TimeoutError:
        return False
    except OSError:
        return True


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Place]:
    """A backchannel that takes four connections, and waits half a second for a body."""
    limits = replace(UNLIMITED, connections=4, connection_timeout=50, body_timeout=0.5)
    with serving(tmp_path, limits=limits) as place:
        place.known()
        yield place


@pytest.fixture
def hasty(tmp_path: Path) -> Iterator[Place]:
    """A backchannel that takes a connection for 3 s, the TLS handshake included."""
    with serving(tmp_path, limits=replace(UNLIMITED, connection_timeout=3)) as place:
        yield place


@pytest.mark.parametrize("said", [b"", b"GET /v1/ca HT", b"GET /v1/ca HTTP/1.1\r\nX: "])
def test_who_says_nothing_or_half_is_put_out_in_time(hasty: Place, said: bytes) -> None:
    with secure(hasty) as connection:
        connection.sendall(said)
        assert ended(connection)


def test_who_never_begins_tls_is_put_out_in_time(hasty: Place) -> None:
    with plain(hasty) as connection:
        assert ended(connection)


def test_a_body_that_does_not_come_is_told_so(small: Place) -> None:
    with secure(small) as connection:
        connection.sendall(HEAD + b"{")
        answer = b"".join(iter(lambda: connection.recv(65536), b""))
    assert answer.split()[1] == b"408"
    assert b'"too-slow"' in answer
    assert small.desk.asked == []


def test_a_flood_of_idle_connections_keeps_no_agent_out(tmp_path: Path) -> None:
    limits = replace(UNLIMITED, connections=8, connection_timeout=50)
    with serving(tmp_path, limits=limits) as place, contextlib.ExitStack() as stack:
        client = place.known()
        flood = [stack.enter_context(plain(place)) for _ in range(50)]
        assert client.claim("127.0.0.1").holder == "none"
        left = [connection for connection in flood if not _closed(connection)]
        assert len(left) <= 8


async def test_several_addresses_share_the_places(tmp_path: Path) -> None:
    """Else each of them could use up the files that the process may have open."""
    certificates = Certificates(tmp_path, ("127.0.0.1",), clock.wall())
    desk, room = FakeDesk(), Room(8)
    one, other = (
        BackchannelServer(desk, certificates, "127.0.0.1", 0, limits=UNLIMITED, room=room)
        for _ in range(2)
    )
    await one.start()
    await other.start()
    client = Place(other, certificates, desk).known()
    try:
        with flooding([("127.0.0.1", one.port)] * 50) as flood:
            async with asyncio.timeout(30):
                while flood.left > 8:
                    await asyncio.sleep(0.01)
            assert (await asyncio.to_thread(client.claim, "127.0.0.1")).holder == "none"
            assert len(room) <= 8
    finally:
        await one.close()
        await other.close()
    assert len(room) == 0


def test_a_registration_holds_some_of_the_places_alone(tmp_path: Path) -> None:
    """What has shown a right token gives way to nobody; a few agents would have them all."""
    with serving(tmp_path, limits=replace(UNLIMITED, held=2, body_timeout=50)) as place:
        client, other = place.known(), place.known("o" * 43, 1002)
        with contextlib.ExitStack() as stack:
            for count in (1, 2):
                held = stack.enter_context(secure(place))
                held.sendall(HEAD)
                wait_until(lambda c=count: _has_proven(place, c), what="it is let in")  # type: ignore[misc]
            with pytest.raises(RefusedError) as refused:
                client.claim("127.0.0.1")
            assert refused.value.slug == Slug.TOO_MANY
            assert other.claim("127.0.0.1").holder == "none"
        wait_until(lambda: _has_proven(place, 0), what="they are gone")
        assert client.claim("127.0.0.1").holder == "none"


def _has_proven(place: Place, count: int) -> bool:
    return place.server._room.held_by(1001) == count


def _closed(connection: socket.socket) -> bool:
    connection.settimeout(0.2)
    return ended(connection)


def test_a_call_that_runs_does_not_give_way_to_strangers(tmp_path: Path) -> None:
    limits = replace(UNLIMITED, connections=4, connection_timeout=50)
    answers: list[str] = []
    gate = threading.Event()
    with serving(tmp_path, limits=limits) as place, contextlib.ExitStack() as stack:
        client = place.known()
        place.desk.gate = gate
        thread = threading.Thread(target=lambda: answers.append(client.claim("127.0.0.1").holder))
        thread.start()
        wait_until(lambda: place.desk.asked, what="the call has reached the desk")
        flood = [stack.enter_context(plain(place)) for _ in range(20)]
        wait_until(lambda: _closed(flood[0]), what="strangers give way to strangers")
        gate.set()
        thread.join(10)
    assert answers == ["none"]


def test_an_agent_that_leaves_in_the_middle_stops_nothing(
    small: Place, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    for said in (b"", b"GET", HEAD, HEAD + b"{", HEAD + b'{"services":[]}'):
        with secure(small) as connection:
            connection.sendall(said)
    assert small.client().claim("127.0.0.1").holder == "none"
    assert caplog.text == ""


def test_garbage_instead_of_tls_is_not_logged(
    small: Place, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    for said in (
        b"GET / HTTP/1.1\r\n\r\n",
        b"SSH-2.0-x\r\n",
        b"\x16\x03\x01\xff\xff" + b"x" * 9999,
    ):
        with plain(small) as connection:
            connection.sendall(said)
            while not ended(connection):
                pass
    assert caplog.text == ""


def test_a_renewed_certificate_is_shown_without_a_restart(small: Place) -> None:
    with secure(small) as connection:
        before = connection.getpeercert(binary_form=True)
    assert small.certificates.renew(clock.wall() + 70 * 86400)
    with secure(small) as connection:
        after = connection.getpeercert(binary_form=True)
    assert before != after
    assert small.client().claim("127.0.0.1").holder == "none"


def test_a_certificate_that_a_command_has_made_is_shown(tmp_path: Path, small: Place) -> None:
    """After an edit, `gateway invite` may be there before the gateway that runs."""
    names = ("127.0.0.1", "new.example.com")
    Certificates(tmp_path, names, clock.wall())
    small.certificates.rename(names, clock.wall())
    context = wire.trust(small.certificates.authority)
    with context.wrap_socket(plain(small), server_hostname="new.example.com") as connection:
        shown = connection.getpeercert(binary_form=True)
    assert ssl.DER_cert_to_PEM_cert(shown or b"") in (tmp_path / CERTIFICATE_FILE).read_text()


def test_the_certificate_renews_itself(tmp_path: Path) -> None:
    with serving(tmp_path, renew_interval=0.05) as place:
        client = place.known()
        (tmp_path / CERTIFICATE_FILE).unlink()
        wait_until((tmp_path / CERTIFICATE_FILE).exists, what="there is a certificate again")
        assert client.claim("127.0.0.1").holder == "none"


def test_nobody_is_cut_off_by_a_renewal(tmp_path: Path) -> None:
    """The handshakes meet hundreds of renewals, and each is with one whole certificate."""
    with serving(tmp_path) as place:
        client = place.known()
        enough = threading.Event()

        def renew() -> None:
            for days in itertools.cycle(range(0, 3000, 70)):
                if enough.is_set():
                    return
                assert place.certificates.renew(clock.wall() + 86400 * days) or not days

        thread = threading.Thread(target=renew)
        thread.start()
        try:
            for _ in range(80):
                assert client.claim("127.0.0.1").holder == "none"
        finally:
            enough.set()
            thread.join()


def test_a_full_disk_when_it_is_time_to_renew_ends_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with serving(tmp_path, renew_interval=0.05) as place:
        client = place.known()
        (tmp_path / CERTIFICATE_FILE).unlink()
        (tmp_path / CERTIFICATE_FILE).mkdir()  # can be neither read nor replaced
        wait_until(lambda: "can't renew" in caplog.text, what="it is told")
        assert client.claim("127.0.0.1").holder == "none"
