"""A certificate authority of our own, and the certificate that it signs for the server. Needs the extra `server`."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from datetime import datetime, timedelta
from types import ModuleType
from typing import TYPE_CHECKING, NamedTuple

from soulsai_core.errors import ConfigError

if TYPE_CHECKING:
    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey

_AUTHORITY_LIFE = timedelta(days=3650)
_SERVER_LIFE = timedelta(days=1825)
_SLACK = timedelta(days=1)
"""How long certificates are valid before they are made, for clients whose clock is behind."""


class Pair(NamedTuple):
    """A certificate and its key, as PEM text."""

    certificate: bytes
    key: bytes


def make_authority(now: datetime) -> Pair:
    """An authority that may sign certificates of servers, but of no further authority."""
    x509, _, ec = library()
    key = ec.generate_private_key(ec.SECP256R1())
    name = _name("SoulsAI")
    builder = _builder(name, name, key, now, _AUTHORITY_LIFE)
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
    builder = builder.add_extension(_usage(signs=True), critical=True)
    return _pair(builder, key, key)


def make_server(authority: Pair, hosts: Sequence[str], now: datetime) -> Pair:
    """A certificate for a server with these names and numeric addresses."""
    x509, serialization, ec = library()
    parent = x509.load_pem_x509_certificate(authority.certificate)
    parent_key = serialization.load_pem_private_key(authority.key, None)
    assert isinstance(parent_key, ec.EllipticCurvePrivateKey)
    key = ec.generate_private_key(ec.SECP256R1())
    builder = _builder(_name("redis"), parent.subject, key, now, _SERVER_LIFE)
    builder = builder.add_extension(x509.SubjectAlternativeName([_alternative(h) for h in hosts]), critical=False)
    builder = builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
    builder = builder.add_extension(_usage(signs=False), critical=True)
    served = x509.ExtendedKeyUsage([x509.oid.ExtendedKeyUsageOID.SERVER_AUTH])
    builder = builder.add_extension(served, critical=False)
    issuer = x509.AuthorityKeyIdentifier.from_issuer_public_key(parent_key.public_key())
    return _pair(builder.add_extension(issuer, critical=False), key, parent_key)


def hosts_of(certificate: bytes) -> list[str]:
    """The names and addresses in a server's certificate."""
    x509, _, _ = library()
    found = x509.load_pem_x509_certificate(certificate).extensions.get_extension_for_class(x509.SubjectAlternativeName)
    return [str(name.value) for name in found.value]


def expiry(certificate: bytes) -> datetime:
    """When a certificate ends."""
    x509, _, _ = library()
    end: datetime = x509.load_pem_x509_certificate(certificate).not_valid_after_utc
    return end


def is_pair(certificate: bytes, key: bytes) -> bool:
    """Whether this is a certificate and its key, as PEM text."""
    x509, serialization, _ = library()
    try:
        ours = serialization.load_pem_private_key(key, None).public_key()
        return bool(x509.load_pem_x509_certificate(certificate).public_key() == ours)
    except (ValueError, TypeError, UnicodeDecodeError):  # TypeError: the key is encrypted
        return False


def library() -> tuple[ModuleType, ModuleType, ModuleType]:
    """The modules x509, serialization and ec of the package cryptography, which only hosts need to install.

    Raises ConfigError if it is not installed.
    """
    try:
        from cryptography import x509
        from cryptography.hazmat.primitives import serialization
        from cryptography.hazmat.primitives.asymmetric import ec
    except ImportError:
        raise ConfigError(
            "Certificates are made with the package cryptography: pip install 'soulsai-core[server]'."
        ) from None
    return x509, serialization, ec


def _builder(
    subject: x509.Name, issuer: x509.Name, key: EllipticCurvePrivateKey, now: datetime, life: timedelta
) -> x509.CertificateBuilder:
    x509, _, _ = library()
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _SLACK)
        .not_valid_after(now + life)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )


def _pair(builder: x509.CertificateBuilder, key: EllipticCurvePrivateKey, signer: EllipticCurvePrivateKey) -> Pair:
    from cryptography.hazmat.primitives import hashes, serialization

    certificate = builder.sign(signer, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return Pair(certificate, private)


def _usage(*, signs: bool) -> x509.KeyUsage:
    x509, _, _ = library()
    names = ("content_commitment", "key_encipherment", "data_encipherment", "key_agreement", "crl_sign")
    off = dict.fromkeys((*names, "encipher_only", "decipher_only"), False)
    return x509.KeyUsage(digital_signature=not signs, key_cert_sign=signs, **off)


def _name(text: str) -> x509.Name:
    x509, _, _ = library()
    return x509.Name([x509.NameAttribute(x509.oid.NameOID.COMMON_NAME, text)])


def _alternative(host: str) -> x509.GeneralName:
    x509, _, _ = library()
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)
