"""The pin of a certificate: of exactly one, and the text around it counts for nothing."""

from hashlib import sha256

import pytest

from ground2cloud.backchannel.pin import der_of, pin_of, prove
from ground2cloud.backchannel.tls import Certificates

NOW = 1_795_000_000.0


@pytest.fixture(scope="module")
def pem(tmp_path_factory: pytest.TempPathFactory) -> str:
    return Certificates(tmp_path_factory.mktemp("ca"), ("127.0.0.1",), NOW).authority


def test_it_is_the_sha256_of_the_der(pem: str) -> None:
    assert pin_of(pem) == sha256(der_of(pem)).hexdigest()
    assert prove(pem, pin_of(pem)) == prove(pem, pin_of(pem).upper()) == pem


@pytest.mark.parametrize(
    "junk", ["", "x", "-----BEGIN CERTIFICATE-----\n\n-----END CERTIFICATE-----"]
)
def test_what_is_no_certificate_has_none(junk: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        pin_of(junk)


def test_two_certificates_have_none(pem: str) -> None:
    for text in (pem + pem, "x" + pem, pem + "x"):
        with pytest.raises(ValueError, match=r"."):
            pin_of(text)


def test_another_pin_is_told_with_both(pem: str) -> None:
    with pytest.raises(ValueError, match=f"SHA-256 {pin_of(pem)}, and {'0' * 64} is expected"):
        prove(pem, "0" * 64)


def test_text_that_is_no_part_of_the_certificate_is_left_out(pem: str) -> None:
    assert prove(pem.replace("\n", "\n!\n", 1), pin_of(pem)) == pem
