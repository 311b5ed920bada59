"""Requests to NGINX from outside: its certificate, the page, Grafana and Redis."""

from __future__ import annotations

import http.client
import socket
import ssl
import urllib.request

from compose.check.workplace import HOST, PORTS


def root_certificate() -> str:
    """The root certificate of the test's certificate authority, as PEM."""
    context = ssl.create_default_context()
    # Unverified: the root to trust is what is fetched here.
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    url = f"https://127.0.0.1:{PORTS['SOULSAI_PEBBLE_PORT']}/roots/0"
    with urllib.request.urlopen(url, timeout=5, context=context) as answer:
        return answer.read().decode()


def trusting(authority: str) -> ssl.SSLContext:
    """Trusts certificates under this authority (PEM) and no other, and checks the name."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(cadata=authority)
    return context


class _Connection(http.client.HTTPSConnection):
    def connect(self) -> None:
        self.sock = _line("SOULSAI_HTTPS_PORT", self._context)  # type: ignore[attr-defined]


def get(path: str, context: ssl.SSLContext) -> tuple[int, str]:
    """Status and body of `https://HOST/path`."""
    connection = _Connection(HOST, context=context)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    finally:
        connection.close()


def serial(context: ssl.SSLContext) -> str:
    """Serial number of the server's certificate."""
    with _line("SOULSAI_HTTPS_PORT", context) as line:
        return str((line.getpeercert() or {})["serialNumber"])


def redis_says(context: ssl.SSLContext) -> str:
    """The answer of Redis to a PING without password through the proxy."""
    with _line("SOULSAI_STREAM_PORT", context) as line:
        line.sendall(b"PING\r\n")
        return line.recv(200).decode()


def redirect() -> tuple[int, str]:
    """The location to which HTTP is redirected."""
    connection = http.client.HTTPConnection("127.0.0.1", PORTS["SOULSAI_HTTP_PORT"], timeout=5)
    try:
        connection.request("GET", "/", headers={"Host": HOST})
        answer = connection.getresponse()
        return answer.status, answer.headers.get("Location", "")
    finally:
        connection.close()


def _line(port: str, context: ssl.SSLContext) -> ssl.SSLSocket:
    plain = socket.create_connection(("127.0.0.1", PORTS[port]), timeout=5)
    return context.wrap_socket(plain, server_hostname=HOST)
