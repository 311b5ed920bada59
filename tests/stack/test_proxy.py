"""NGINX accepts the configuration. `make stack` runs it."""

from __future__ import annotations

import subprocess
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID


@pytest.fixture
def certificate():
    """A self-signed certificate and its key, as PEM."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "test")])
    now = datetime.now(UTC)
    builder = x509.CertificateBuilder(name, name, key.public_key(), 1, now, now + timedelta(days=1))
    pem = serialization.Encoding.PEM
    private = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return builder.sign(key, hashes.SHA256()).public_bytes(pem), private


@pytest.fixture
def configured(root, tmp_path, certificate):
    """The configuration in a temporary folder, with a certificate."""
    for source in (root / "compose/reverse_proxy/nginx/conf").glob("*.conf"):
        text = source.read_text(encoding="utf-8")
        for before in ("/etc/nginx/soulsai", "/tmp/proxy", "/run/secrets"):
            text = text.replace(before, str(tmp_path))
        (tmp_path / source.name).write_text(text, encoding="utf-8")
    (tmp_path / "access.conf").touch()
    (tmp_path / "certificate.pem").write_bytes(certificate[0])
    (tmp_path / "ca.crt").write_bytes(certificate[0])
    (tmp_path / "key.pem").write_bytes(certificate[1])
    return tmp_path / "nginx.conf"


def test_nginx_accepts_the_configuration(configured, needs):
    checked = subprocess.run([needs("nginx"), "-t", "-c", str(configured)], capture_output=True, text=True)
    assert checked.returncode == 0, checked.stderr
    assert "warn" not in checked.stderr
