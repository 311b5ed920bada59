"""Invitations: the one line that a player needs to join, with address, credential and the server's authority."""

from __future__ import annotations

import base64
import hashlib
import ssl
from dataclasses import dataclass

from soulsai_core.errors import ConfigError
from soulsai_core.transport.address import parse_address

COMMAND = "soulsai-client join"
_AUTHORITY = "ca"
_FORM = f"`{COMMAND} ADDRESS RUN:NAME:PASSWORD ca.FINGERPRINT.CERTIFICATE`"


@dataclass(frozen=True, slots=True)
class Invitation:
    """The content of an invitation, which `soulsai invite` prints.

    Attributes:
        address: a redis:// or rediss:// URL without user and password.
        authority: certificate, as PEM text, of the only authority to be trusted. None for the authorities that the
            player's system trusts, or without TLS.
    """

    address: str
    run: str
    name: str
    password: str
    authority: str | None = None

    def __repr__(self) -> str:
        return f"Invitation({self.address}, {self.run}, {self.name})"

    def line(self) -> str:
        """The line to send to the player: words without any character that a shell would change."""
        words = [COMMAND, self.address, f"{self.run}:{self.name}:{self.password}"]
        if self.authority is not None:
            der = ssl.PEM_cert_to_DER_cert(self.authority)
            words.append(f"{_AUTHORITY}.{_encoded(hashlib.sha256(der).digest())}.{_encoded(der)}")
        return " ".join(words)


def read_invitation(text: str) -> Invitation:
    """The invitation in a line, with or without the command before it. Raises ConfigError, which repeats no secret."""
    words = text.split()
    while words and words[0] in ("soulsai-client", "soulsai", "client", "join"):
        words.pop(0)
    if len(words) not in (2, 3):
        raise ConfigError(f"An invitation has two or three words, but this one has {len(words)}. It reads {_FORM}.")
    run, _, rest = words[1].partition(":")
    name, _, password = rest.partition(":")
    if not (run and name and password):
        raise ConfigError(f"The second word of the invitation must have the form RUN:NAME:PASSWORD. It reads {_FORM}.")
    address = parse_address(words[0])
    if address.password or address.username:
        raise ConfigError(f"The address of an invitation has no user in it. An invitation reads {_FORM}.")
    authority = _authority(words[2]) if len(words) == 3 else None
    return Invitation(words[0], run, name, password, authority)


def fingerprint(certificate: str) -> str:
    """SHA-256 of a PEM certificate, in the form that people compare: AB:CD:..."""
    digest = hashlib.sha256(ssl.PEM_cert_to_DER_cert(certificate)).hexdigest().upper()
    return ":".join(digest[i : i + 2] for i in range(0, len(digest), 2))


def _authority(word: str) -> str:
    """The certificate as PEM text. Its fingerprint shows whether the line was cut or changed."""
    kind, _, rest = word.partition(".")
    digest, _, der = rest.partition(".")
    try:
        data = _decoded(der)
        whole = kind == _AUTHORITY and _decoded(digest) == hashlib.sha256(data).digest()
    except ValueError:
        whole = False
    if not whole:
        raise ConfigError("The invitation is damaged: its last word is not as it was made. Copy the whole line again.")
    return ssl.DER_cert_to_PEM_cert(data)


def _encoded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def _decoded(text: str) -> bytes:
    return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
