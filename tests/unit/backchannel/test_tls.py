"""The gateway's CA stays; its certificate renews itself; both survive crashes and restarts."""

import ssl
from pathlib import Path

import pytest
from cryptography import x509

from ground2cloud.backchannel.tls import AUTHORITY_FILE, CERTIFICATE_FILE, Certificates
from ground2cloud.errors import Ground2CloudError

NOW = 1_795_000_000.0
DAY = 86400.0
NAMES = ("g2c.example.com", "192.0.2.1", "2001:db8::1")


def shown(directory: Path) -> x509.Certificate:
    return x509.load_pem_x509_certificate((directory / CERTIFICATE_FILE).read_bytes())


def test_a_restart_changes_nothing(tmp_path: Path) -> None:
    first = Certificates(tmp_path, NAMES, NOW)
    content = (tmp_path / CERTIFICATE_FILE).read_bytes()
    second = Certificates(tmp_path, NAMES, NOW + DAY)
    assert (first.authority, first.pin) == (second.authority, second.pin)
    assert (tmp_path / CERTIFICATE_FILE).read_bytes() == content


def test_the_certificate_has_the_names_and_is_for_servers_alone(tmp_path: Path) -> None:
    certificates = Certificates(tmp_path, NAMES, NOW)
    leaf = shown(tmp_path)
    authority = x509.load_pem_x509_certificate(certificates.authority.encode())
    leaf.verify_directly_issued_by(authority)
    names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["g2c.example.com"]
    assert [str(one) for one in names.get_values_for_type(x509.IPAddress)] == list(NAMES[1:])
    assert not leaf.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    assert authority.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    assert (leaf.not_valid_after_utc - leaf.not_valid_before_utc).days == 91
    assert (authority.not_valid_after_utc - authority.not_valid_before_utc).days == 3654


def test_it_is_renewed_in_time_and_not_before(tmp_path: Path) -> None:
    certificates = Certificates(tmp_path, NAMES, NOW)
    first = shown(tmp_path)
    assert not certificates.renew(NOW + 59 * DAY)
    assert shown(tmp_path) == first
    context = certificates.context
    assert certificates.renew(NOW + 61 * DAY)
    assert shown(tmp_path) != first
    assert certificates.context is not context, "one in use is never changed"
    assert not certificates.renew(NOW + 62 * DAY)


def test_a_clock_that_was_wrong_when_it_was_made_is_mended(tmp_path: Path) -> None:
    certificates = Certificates(tmp_path, NAMES, NOW + 1000 * DAY)
    assert certificates.renew(NOW)


@pytest.mark.parametrize("names", [NAMES[:2], (*NAMES, "b.example.com"), NAMES[::-1]])
def test_other_names_make_a_new_certificate_of_the_same_ca(
    tmp_path: Path, names: tuple[str, ...]
) -> None:
    first = Certificates(tmp_path, NAMES, NOW)
    before = shown(tmp_path)
    assert Certificates(tmp_path, names, NOW).pin == first.pin
    assert shown(tmp_path) != before


@pytest.mark.parametrize("content", [b"", b"junk", b"-----BEGIN CERTIFICATE-----\n"])
def test_a_damaged_certificate_is_made_anew(tmp_path: Path, content: bytes) -> None:
    first = Certificates(tmp_path, NAMES, NOW)
    (tmp_path / CERTIFICATE_FILE).write_bytes(content)
    assert Certificates(tmp_path, NAMES, NOW).pin == first.pin
    assert shown(tmp_path)


def test_a_certificate_of_another_ca_is_replaced(tmp_path: Path) -> None:
    Certificates(tmp_path / "a", NAMES, NOW)
    Certificates(tmp_path / "b", NAMES, NOW)
    other = (tmp_path / "b" / CERTIFICATE_FILE).read_bytes()
    (tmp_path / "a" / CERTIFICATE_FILE).write_bytes(other)
    Certificates(tmp_path / "a", NAMES, NOW)
    assert (tmp_path / "a" / CERTIFICATE_FILE).read_bytes() != other


@pytest.mark.parametrize("damage", [b"", b"junk", None])
def test_a_damaged_ca_is_never_replaced_behind_the_operators_back(
    tmp_path: Path, damage: bytes | None
) -> None:
    certificates = Certificates(tmp_path, NAMES, NOW)
    file = tmp_path / AUTHORITY_FILE
    content = certificates.authority.encode() if damage is None else damage  # its key is gone
    file.write_bytes(content)
    with pytest.raises(Ground2CloudError, match="is damaged") as caught:
        Certificates(tmp_path, NAMES, NOW)
    assert "backup" in caught.value.hint
    assert file.read_bytes() == content


def test_a_ca_with_the_key_of_another_is_damaged(tmp_path: Path) -> None:
    for name in ("a", "b"):
        Certificates(tmp_path / name, NAMES, NOW)
    a, b = ((tmp_path / name / AUTHORITY_FILE).read_text() for name in ("a", "b"))
    mark = "-----BEGIN PRIVATE KEY-----"
    (tmp_path / "a" / AUTHORITY_FILE).write_text(a.partition(mark)[0] + mark + b.partition(mark)[2])
    with pytest.raises(Ground2CloudError, match="not that of the certificate"):
        Certificates(tmp_path / "a", NAMES, NOW)


def test_nothing_older_than_tls_1_3_is_spoken(tmp_path: Path) -> None:
    context = Certificates(tmp_path, NAMES, NOW).context
    assert context.minimum_version == ssl.TLSVersion.TLSv1_3


def test_the_published_certificate_has_no_private_key(tmp_path: Path) -> None:
    certificates = Certificates(tmp_path, NAMES, NOW)
    assert "PRIVATE" not in certificates.authority
    assert "PRIVATE" in (tmp_path / AUTHORITY_FILE).read_text()
