"""Passwords that nobody thought up."""

from __future__ import annotations

import hashlib
import secrets

_BYTES = 24


def new_password() -> str:
    """A password of 192 random bits, in letters, digits, '-' and '_'."""
    return secrets.token_urlsafe(_BYTES)


def password_hash(password: str) -> str:
    """As the server keeps it. A fast hash does for random passwords."""
    return hashlib.sha256(password.encode()).hexdigest()
