"""The pin of the gateway's CA: SHA-256 of the certificate's DER, in lower-case hex.

Only what was hashed is ever used: the PEM text around a certificate may hide a second one, so it is
taken apart, compared, and written anew.
"""

import ssl
from hashlib import sha256
from hmac import compare_digest


def der_of(pem: str) -> bytes:
    """Answer the certificate in a PEM text.

    Raises:
        ValueError: it isn't exactly one certificate.
    """
    der = ssl.PEM_cert_to_DER_cert(pem)
    if not der or pem.count("-----BEGIN") != 1:
        raise ValueError("expected one certificate")
    return der


def pin_of(pem: str) -> str:
    """Answer the pin of a certificate.

    Raises:
        ValueError: as `der_of`.
    """
    return sha256(der_of(pem)).hexdigest()


def prove(pem: str, pin: str) -> str:
    """Answer the certificate, written anew, if it has this pin (of either case).

    Raises:
        ValueError: it isn't a certificate, or another one.
    """
    der = der_of(pem)
    found = sha256(der).hexdigest()
    if not compare_digest(found.encode(), pin.lower().encode()):
        raise ValueError(f"it has the SHA-256 {found}, and {pin.lower()} is expected")
    return ssl.DER_cert_to_PEM_cert(der)
