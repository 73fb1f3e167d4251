"""Secrets: made here, shown once, and kept only as what can't be turned back."""

import hashlib
import secrets

_BYTES = 32


def new_token() -> str:
    """Make a secret: 32 random bytes as 43 characters of base64url."""
    return secrets.token_urlsafe(_BYTES)


def digest(secret: str) -> str:
    """Return the SHA-256 of a secret in upper-case hex, as HAProxy's `sha2(256),hex` writes it.

    A plain hash is enough: what it is made of can't be guessed.
    """
    return hashlib.sha256(secret.encode()).hexdigest().upper()
