"""The gateway's CA and the certificate that its backchannel shows.

The CA lives ten years and agents know it by its pin; the certificate lives 90 days and is made anew
in time, or when the names change. Each is one PEM file with its private key, so that no crash
leaves one without the other.
"""

import ipaddress
import ssl
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from ground2cloud.backchannel.pin import pin_of
from ground2cloud.errors import Ground2CloudError
from ground2cloud.rendering.atomic import write_atomic

AUTHORITY_FILE = "backchannel-ca.pem"
CERTIFICATE_FILE = "backchannel.pem"

_AUTHORITY_LIFE = timedelta(days=3653)
_LIFE = timedelta(days=90)
_RENEW_BEFORE = timedelta(days=30)
_SLACK = timedelta(days=1)  # back in time, for clients that look at dates and whose clocks differ


class Certificates:
    """The CA and the certificate in `directory`, made there when missing.

    Args:
        directory: private to the gateway's user.
        names: host names and addresses that agents call the gateway by.
        now: wall clock, seconds since 1970.

    Raises:
        Ground2CloudError: a file is there but can't be used. A CA is never made anew by itself:
            every agent would have to register again.
        OSError: a file can't be read or written.
    """

    def __init__(self, directory: Path, names: Sequence[str], now: float) -> None:
        self._file = directory / CERTIFICATE_FILE
        self._names = tuple(names)
        self._authority = _load_or_make_authority(directory / AUTHORITY_FILE, now)
        self.authority = self._authority.pem
        """The CA's certificate as PEM."""
        self.pin = pin_of(self.authority)
        """What join strings carry."""
        self.context: ssl.SSLContext
        """For the next handshake; a renewal puts another one here, and never changes one in use."""
        self._shown = b""
        self.renew(now)

    def renew(self, now: float) -> bool:
        """Make a new certificate if it is time; answer whether another one is shown from now on.

        That may be one which another process has made, as commands do. For any thread.
        """
        moment = datetime.fromtimestamp(now, UTC)
        if not self._still_good(moment):
            issued = _issue(self._authority, self._names, moment)
            write_atomic(self._file, issued.pem + issued.private_pem, mode=0o600)
        there = self._file.read_bytes()
        if there == self._shown:
            return False
        self.context = _context(self._file)
        self._shown = there
        return True

    def rename(self, names: Sequence[str], now: float) -> None:
        """Be good for other names from now on.

        Raises:
            OSError: the certificate can't be written; the names stay.
        """
        before, self._names = self._names, tuple(names)
        try:
            self.renew(now)
        except OSError:
            self._names = before
            raise

    def _still_good(self, moment: datetime) -> bool:
        try:
            found = _Pair.parse(self._file.read_bytes())
            found.certificate.verify_directly_issued_by(self._authority.certificate)
            names = found.certificate.extensions.get_extension_for_class(
                x509.SubjectAlternativeName
            ).value
        except (FileNotFoundError, ValueError, TypeError, InvalidSignature):
            return False
        except x509.ExtensionNotFound:
            return False
        valid = found.certificate
        return (
            valid.not_valid_before_utc <= moment <= valid.not_valid_after_utc - _RENEW_BEFORE
            and names == _alternative_names(self._names)
        )


def _context(file: Path) -> ssl.SSLContext:
    """Return what shows this certificate, whole.

    One that handshakes are made from can't be given another certificate: for a moment it has the
    new certificate without its key, and who comes just then is cut off.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.load_cert_chain(file)
    return context


class _Pair:
    """A certificate and its private key."""

    def __init__(self, certificate: x509.Certificate, key: ec.EllipticCurvePrivateKey) -> None:
        self.certificate = certificate
        self.key = key

    @classmethod
    def parse(cls, pem: bytes) -> "_Pair":
        key = load_pem_private_key(pem, None)
        certificate = x509.load_pem_x509_certificate(pem)
        if not isinstance(key, ec.EllipticCurvePrivateKey):
            raise TypeError("not a key of an elliptic curve")
        if key.public_key() != certificate.public_key():
            raise ValueError("the key is not that of the certificate")
        return cls(certificate, key)

    @property
    def pem(self) -> str:
        return self.certificate.public_bytes(Encoding.PEM).decode()

    @property
    def private_pem(self) -> str:
        return self.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


def _load_or_make_authority(file: Path, now: float) -> _Pair:
    try:
        return _Pair.parse(file.read_bytes())
    except FileNotFoundError:
        made = _make_authority(datetime.fromtimestamp(now, UTC))
    except (ValueError, TypeError) as error:
        raise Ground2CloudError(
            f"{file} is damaged ({error})",
            "put it back from a backup; without it every agent has to register again, and then"
            " delete it",
        ) from None
    write_atomic(file, made.pem + made.private_pem, mode=0o600)
    return made


def _make_authority(moment: datetime) -> _Pair:
    key = ec.generate_private_key(ec.SECP256R1())
    name = _name("Ground2Cloud gateway CA")
    builder = (
        _builder(name, name, key, moment, _AUTHORITY_LIFE)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(signs_certificates=True), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )
    return _Pair(builder.sign(key, hashes.SHA256()), key)


def _issue(authority: _Pair, names: Sequence[str], moment: datetime) -> _Pair:
    key = ec.generate_private_key(ec.SECP256R1())
    issuer = authority.certificate
    public = issuer.public_key()
    assert isinstance(public, ec.EllipticCurvePublicKey)
    builder = (
        _builder(_name("Ground2Cloud gateway"), issuer.subject, key, moment, _LIFE)
        .add_extension(_alternative_names(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(signs_certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(public), critical=False)
    )
    return _Pair(builder.sign(authority.key, hashes.SHA256()), key)


def _builder(
    subject: x509.Name,
    issuer: x509.Name,
    key: ec.EllipticCurvePrivateKey,
    moment: datetime,
    life: timedelta,
) -> x509.CertificateBuilder:
    return x509.CertificateBuilder(
        subject_name=subject,
        issuer_name=issuer,
        public_key=key.public_key(),
        serial_number=x509.random_serial_number(),
        not_valid_before=moment - _SLACK,
        not_valid_after=moment + life,
    )


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _alternative_names(names: Sequence[str]) -> x509.SubjectAlternativeName:
    return x509.SubjectAlternativeName([_alternative_name(name) for name in names])


def _alternative_name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )
