"""NGINX accepts the configuration. `make stack` runs it."""

from __future__ import annotations

import json
import re
import socket
import ssl
import subprocess
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import pytest
import yaml
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from waiting import DEADLINE_S, free_port, wait_for

from soulsai_telemetry.http import HttpService, get_json


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


# -- names under which the telemetry node is asked


@pytest.fixture
def hosts(root):
    """Names of the setting `hosts`, for the page and for each connector."""
    config = yaml.safe_load((root / "compose/config/config.yaml").read_text(encoding="utf-8"))
    connectors = {connector["name"]: connector["config"]["hosts"] for connector in config["connectors"]}
    return {"page": config["telemetry"]["config"]["page"]["hosts"], **connectors}


@pytest.mark.parametrize(
    ("file", "port", "connector"),
    [
        ("monitoring/prometheus/prometheus.yml", 8083, "prometheus"),
        ("monitoring/grafana/provisioning/datasources/soulsai.yaml", 8082, "grafana"),
    ],
)
def test_connector_is_asked_by_a_name_that_it_knows(root, hosts, file, port, connector):
    [name] = re.findall(rf"([\w-]+):{port}", (root / "compose" / file).read_text(encoding="utf-8"))
    assert name in hosts[connector]


@contextmanager
def running(command):
    process = subprocess.Popen(command)
    try:
        yield
    finally:
        process.terminate()
        process.wait(DEADLINE_S)


@pytest.mark.parametrize("name", ["play.example.org", "localhost"])
def test_page_is_read_through_nginx_by_any_name(configured, needs, hosts, name):
    """TLS has checked the name before. Only ports are not those of the stack."""
    service = HttpService("127.0.0.1", 0, [get_json("/", lambda _: {"read": 1})], section="x.", hosts=hosts["page"])
    service.start()
    file = configured.parent / "http.conf"
    plain, secure = free_port(), free_port()
    text = file.read_text(encoding="utf-8").replace("telemetry_node:8081", f"127.0.0.1:{service.port}")
    file.write_text(text.replace("listen 8080", f"listen {plain}").replace("listen 8443", f"listen {secure}"))
    stream = configured.parent / "stream.conf"
    stream.write_text(stream.read_text(encoding="utf-8").replace("listen 6380", f"listen {free_port()}"))
    context = ssl.create_default_context(cadata=(configured.parent / "certificate.pem").read_text())
    context.check_hostname = False

    def read():
        try:
            with context.wrap_socket(socket.create_connection(("127.0.0.1", secure), 5), server_hostname=name) as line:
                line.sendall(b"GET / HTTP/1.1\r\nHost: %b\r\nConnection: close\r\n\r\n" % name.encode())
                with line.makefile("rb") as lines:
                    return lines.read()
        except ConnectionError:
            return b""

    try:
        with running([needs("nginx"), "-c", str(configured), "-e", "stderr", "-g", "daemon off;"]):
            answer = wait_for("NGINX", read)
            assert json.loads(answer.partition(b"\r\n\r\n")[2]) == {"read": 1}, answer
    finally:
        service.close()
