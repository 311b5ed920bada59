"""Serves the training node's metrics to Prometheus. Its port may face a network, so that all it does has bounds."""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Callable, Iterable
from socketserver import ThreadingMixIn
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer

from prometheus_client import CollectorRegistry, make_wsgi_app

from soulsai_core.config.host_names import KnownHosts
from soulsai_core.errors import ConfigError

_SECONDS = 10.0
"""Of a connection in all: for its one request and the answer."""

_MAX_CONNECTIONS = 32
"""At a time, with a thread each. Prometheus opens one in each of its intervals."""


class MetricsServer:
    """Listens as soon as it is created; answers at http://<host>:<port>/metrics from `start` to `close`.

    Args:
        hosts: names to accept in Host headers, besides this machine's own.

    Raises ConfigError if the port is taken, or the address is not this machine's.
    """

    def __init__(
        self, registry: CollectorRegistry, host: str, port: int, hosts: Iterable[str] = (), seconds: float = _SECONDS
    ) -> None:
        try:
            self._server = _Server(host, port, seconds)
        except (OSError, OverflowError) as error:
            raise ConfigError(
                f"training.prometheus_port is {port}, but that port cannot be opened at {host} "
                f"({getattr(error, 'strerror', None) or error}). Choose another one, or null to serve no metrics."
            ) from error
        self._server.set_app(_checked(make_wsgi_app(registry), KnownHosts(host, hosts, "training.prometheus_hosts")))
        self._thread = threading.Thread(target=self._server.serve_forever, name="metrics", daemon=True)

    def start(self) -> None:
        """Answer requests from threads."""
        self._thread.start()

    def close(self) -> None:
        """Stop listening, and cut what is open."""
        if self._thread.ident is not None:
            self._server.shutdown()
            self._thread.join()
        self._server.server_close()
        self._server.cut_older_than(0.0)


def _checked(answer: Callable[..., Any], known: KnownHosts) -> Callable[..., Any]:
    """The application, for requests with a known name alone."""

    def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Any:
        reason = known.reason_to_refuse(environ.get("HTTP_HOST", ""))
        if reason is None:
            return answer(environ, start_response)
        start_response("400 Bad Request", [("Content-Type", "text/plain; charset=utf-8")])
        return [reason.encode()]

    return application


class _Handler(WSGIRequestHandler):
    """Logs nothing: a stranger could fill the log."""

    def log_message(self, format: str, *args: Any) -> None:
        """Requests."""

    def address_string(self) -> str:
        # The one of the standard library may ask a name server.
        return str(self.client_address[0])


class _Server(ThreadingMixIn, WSGIServer):
    """One thread for each connection. The oldest is cut when there are too many, and each after some seconds."""

    request_queue_size = 128
    daemon_threads = True
    block_on_close = False

    def __init__(self, host: str, port: int, seconds: float) -> None:
        self.address_family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self._seconds = seconds
        # Connections are opened in the server's thread, and closed in their own.
        self._lock = threading.Lock()
        self._open: dict[socket.socket, float] = {}  # in the order in which they were opened
        super().__init__((host, port), _Handler)

    def server_bind(self) -> None:
        # Not that of WSGIServer, which asks a name server for the full name of this machine.
        if os.name == "posix":  # on Windows it would let two servers share the port
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind(self.server_address)
        self.server_address = self.socket.getsockname()
        self.server_name = str(self.server_address[0])
        self.server_port = int(self.server_address[1])
        self.setup_environ()

    def process_request(self, request: Any, client_address: Any) -> None:
        with self._lock:
            oldest = next(iter(self._open)) if len(self._open) >= _MAX_CONNECTIONS else None
            self._open[request] = time.monotonic()
        if oldest is not None:
            self._cut(oldest)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        with self._lock:
            self._open.pop(request, None)
        super().shutdown_request(request)

    def service_actions(self) -> None:
        """Called twice a second."""
        self.cut_older_than(self._seconds)

    def cut_older_than(self, seconds: float) -> None:
        """Cut the connections that have been open for more than this."""
        now = time.monotonic()
        with self._lock:
            old = [request for request, since in self._open.items() if now - since > seconds]
        for request in old:
            self._cut(request)

    def _cut(self, request: socket.socket) -> None:
        """End a connection. Its thread then fails to read or write, and closes it."""
        with self._lock:
            self._open.pop(request, None)
        # Not closed here: its thread still uses the descriptor, whose number another connection could get.
        try:
            request.shutdown(socket.SHUT_RDWR)
        except OSError:
            return  # it is closed already

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A connection that was cut, by the other side or by us."""
