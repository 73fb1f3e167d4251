"""A gateway that is not the one: a forged CA, a wrong pin, another name; and clocks that differ."""

import json
import ssl
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from ground2cloud.backchannel.client import Client
from ground2cloud.backchannel.errors import (
    NotUnderstoodError,
    UnreachableError,
    UntrustedError,
)
from ground2cloud.backchannel.tls import Certificates
from ground2cloud.core import clock
from tests.lab.fake_desk import JOIN, TOKEN, request, serving
from tests.lab.liar import NAMES, client_of, http, lying, saying


def authority(pem: str) -> bytes:
    return http(json.dumps({"certificate": pem}).encode())


def test_the_ca_is_fetched_once(real: Certificates) -> None:
    """By `register`, which asks for it to keep it, as well."""

    def speak(connection: ssl.SSLSocket, request: bytes, _over: threading.Event) -> None:
        fetching = request.startswith(b"GET /v1/ca ")
        connection.sendall(
            authority(real.authority) if fetching else http(b'{"registration":1001}')
        )

    with lying(real.context, speak) as (port, requests):
        client = client_of(port, real, fetch=True)
        assert client.fetch_authority() == real.authority
        for _ in range(2):
            client.unregister()
    assert [one.split()[0] for one in requests] == [b"GET", b"DELETE", b"DELETE"]


def test_a_forged_ca_is_not_believed_and_gets_no_token(
    real: Certificates, forged: Certificates
) -> None:
    with lying(forged.context, saying(authority(forged.authority))) as (port, requests):
        client = client_of(port, real, fetch=True)
        with pytest.raises(UntrustedError, match=f"{forged.pin}, and {real.pin} is expected"):
            client.register(JOIN, request("books"))
    assert len(requests) == 1
    assert requests[0].startswith(b"GET /v1/ca ")
    assert b"uthorization" not in requests[0]


def test_the_right_ca_shown_by_someone_without_its_key_is_of_no_use(
    real: Certificates, forged: Certificates
) -> None:
    with (
        lying(forged.context, saying(authority(real.authority))) as (port, requests),
        pytest.raises(UntrustedError, match=r"self-signed|local issuer"),
    ):
        client_of(port, real, fetch=True).register(JOIN, request("books"))
    assert [one.split()[1] for one in requests] == [b"/v1/ca"]


@pytest.mark.parametrize(
    "smuggle",
    [
        lambda good, bad: good + bad,
        lambda good, bad: bad + good,
        lambda good, bad: good.replace("-----END", bad + "-----END"),
        lambda good, bad: good.rstrip() + "\n" + bad.replace("-----BEGIN", "----- BEGIN"),
        lambda good, _: good.replace("CERTIFICATE", "TRUSTED CERTIFICATE"),
        lambda _good, _bad: "",
        lambda _good, _bad: "-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n",
        lambda _good, _bad: "-----BEGIN CERTIFICATE-----\né\n-----END CERTIFICATE-----\n",
        lambda _good, _bad: "\ud83d\ude00" * 4000,
    ],
    ids=range(9),
)
def test_a_second_ca_cannot_be_smuggled_in_beside_the_pinned_one(
    real: Certificates, forged: Certificates, smuggle: Callable[[str, str], str]
) -> None:
    content = smuggle(real.authority, forged.authority)
    with (
        lying(forged.context, saying(authority(content))) as (port, requests),
        pytest.raises((UntrustedError, NotUnderstoodError)),
    ):
        client_of(port, real, fetch=True).register(JOIN, request("books"))
    assert [one.split()[1] for one in requests] == [b"/v1/ca"]


def test_a_wrong_pin_is_told_as_that(tmp_path: Path) -> None:
    with serving(tmp_path) as place:
        for pin in ("0" * 64, "", "é", place.certificates.pin[:-1]):
            client = Client("127.0.0.1", place.server.port, pin=pin)
            with pytest.raises(UntrustedError, match="not the gateway of the join string"):
                client.register(JOIN, request("books"))
    assert place.desk.asked == []


def test_a_kept_ca_is_held_against_the_pin_again(real: Certificates, forged: Certificates) -> None:
    with lying(forged.context, saying(http(b"{}"))) as (port, requests):
        client = Client("127.0.0.1", port, pin=real.pin, authority=forged.authority, token=TOKEN)
        with pytest.raises(UntrustedError, match="kept here"):
            client.unregister()
    assert requests == []


def test_a_certificate_for_another_name_is_refused(tmp_path: Path) -> None:
    other = Certificates(tmp_path, ("g2c.example.com", "192.0.2.1"), clock.wall())
    with (
        lying(other.context, saying(http(b"{}"))) as (port, requests),
        pytest.raises(UntrustedError, match="IP address mismatch"),
    ):
        client_of(port, other).unregister()
    assert requests == []


@pytest.mark.parametrize("years", [-5, 5])
def test_a_wrong_clock_shuts_nobody_out(tmp_path: Path, years: int) -> None:
    """As seen from a machine whose clock is years away, the certificate is not valid."""
    moment = clock.wall() + years * 365 * 86400
    there = Certificates(tmp_path, NAMES, moment)
    answer = (
        b"HTTP/1.1 200 OK\r\nGround2Cloud-Time: %.3f\r\nContent-Length: 21\r\n\r\n"
        b'{"registration":1001}' % moment
    )
    with lying(there.context, saying(answer)) as (port, _):
        client = client_of(port, there)
        assert client.unregister().registration == 1001
    assert client.timing is not None
    assert abs(client.timing.skew - years * 365 * 86400) < 5


@pytest.mark.parametrize("told", ["nan", "inf", "-1", "1e400", "soon", "", "99999999999"])
def test_a_time_that_is_none_is_no_time(real: Certificates, told: str) -> None:
    answer = (
        f"HTTP/1.1 200 OK\r\nGround2Cloud-Time: {told}\r\nContent-Length: 21\r\n\r\n"
        '{"registration":1001}'
    )
    with lying(real.context, saying(answer.encode())) as (port, _):
        client = client_of(port, real)
        client.unregister()
    assert client.timing is None


def test_an_old_protocol_is_refused(real: Certificates, tmp_path: Path) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "real" / "backchannel.pem")
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    with (
        lying(context, saying(http(b"{}"))) as (port, requests),
        pytest.raises(UnreachableError, match="no TLS"),
    ):
        client_of(port, real).unregister()
    assert requests == []


def test_a_name_with_an_address_that_does_not_answer_is_reached_at_the_next(
    tmp_path: Path,
) -> None:
    """`localhost` is ::1 as well on most machines, and nobody listens there."""
    here = Certificates(tmp_path, ("localhost",), clock.wall())
    with lying(here.context, saying(http(b'{"registration":1001}'))) as (port, _):
        client = Client("localhost", port, pin=here.pin, authority=here.authority, token=TOKEN)
        assert client.unregister().registration == 1001
