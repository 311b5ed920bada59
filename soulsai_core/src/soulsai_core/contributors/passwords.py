"""Random passwords for the users of the server."""

from __future__ import annotations

import hashlib
import secrets

_BYTES = 24


def new_password() -> str:
    """A password of 192 random bits, in letters, digits, '-' and '_'."""
    return secrets.token_urlsafe(_BYTES)


def password_hash(password: str) -> str:
    """SHA-256 in hexadecimal digits, the form in which the server stores a password."""
    # A fast hash without salt is enough: 192 random bits cannot be found by trying.
    return hashlib.sha256(password.encode()).hexdigest()
