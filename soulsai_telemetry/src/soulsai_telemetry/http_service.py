"""A small HTTP server for the page and for connectors: it maps routes to functions, with one thread a connection."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socketserver import TCPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import msgspec

from soulsai_core import ConfigError

log = logging.getLogger(__name__)

# Bytes of a request's body.
_MAX_BODY = 2**20
# Connections at a time. Each has a thread, and an open page keeps one for its events.
_MAX_CONNECTIONS = 100
# Seconds that a connection may be silent.
_TIMEOUT = 30.0


@dataclass(frozen=True, slots=True)
class Request:
    """A request. `query` holds the last value of each parameter."""

    path: str
    query: dict[str, str]
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        """The body as JSON, {} if it is empty. Raises BadRequest."""
        try:
            return msgspec.json.decode(self.body) if self.body.strip() else {}
        except msgspec.DecodeError as error:
            raise BadRequest(f"The body is no JSON: {error}") from error


class BadRequest(Exception):
    """The request makes no sense; the message says why, and the status is 400."""


@dataclass(frozen=True, slots=True)
class Response:
    """An answer: a body, or a `stream` that is sent until it ends or the reader disconnects.

    Attributes:
        kind: media type.
    """

    body: bytes = b""
    kind: str = "application/json"
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    stream: Iterable[bytes] | None = None

    @classmethod
    def json(cls, value: Any, status: int = 200) -> Response:
        """An answer with this value as JSON, which is never cached."""
        return cls(msgspec.json.encode(value), status=status, headers={"Cache-Control": "no-store"})


Handler = Callable[[Request], Response]
Routes = Mapping[tuple[str, str], Handler]
"""(method, path) -> handler. A path that ends in "/*" stands for all paths directly below it."""


class HttpService:
    """Listens as soon as it is created; answers from `start` to `close`.

    Args:
        setting: full name of the port's setting, for the error message.
        headers: sent with every answer.

    Raises ConfigError if the port cannot be opened.
    """

    def __init__(
        self, host: str, port: int, routes: Routes, *, setting: str, headers: Mapping[str, str] | None = None
    ) -> None:
        handler = type("_Handler", (_RequestHandler,), {"routes": routes, "extra_headers": dict(headers or {})})
        try:
            self._server = _Server((host, port), handler)
        except (OSError, OverflowError) as error:
            reason = getattr(error, "strerror", None) or error
            raise ConfigError(
                f"{setting} is {port}, but that port cannot be opened at {host} ({reason}). Choose another one."
            ) from error
        self.port: int = self._server.server_address[1]
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Answer requests from a thread."""
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.2}, name=f"http-{self.port}", daemon=True
        )
        self._thread.start()

    def close(self) -> None:
        """Stop listening. May be called twice."""
        if self._thread is not None:
            self._server.shutdown()
            self._thread.join()
            self._thread = None
        self._server.server_close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = 64

    def __init__(self, *args: Any) -> None:
        self._free = threading.Semaphore(_MAX_CONNECTIONS)
        super().__init__(*args)

    def server_bind(self) -> None:
        """As that of HTTPServer, but without a look-up of the host's name, which may take seconds."""
        TCPServer.server_bind(self)
        self.server_name = str(self.server_address[0])
        self.server_port = self.server_address[1]

    def process_request(self, request: Any, client_address: Any) -> None:
        if self._free.acquire(blocking=False):
            super().process_request(request, client_address)
        else:
            self.shutdown_request(request)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._free.release()

    def handle_error(self, request: Any, client_address: Any) -> None:
        log.debug("A connection of %s broke.", client_address, exc_info=True)


class _RequestHandler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version = "soulsai"
    sys_version = ""
    timeout = _TIMEOUT
    routes: Routes
    extra_headers: dict[str, str]

    def do_GET(self) -> None:
        self._answer()

    do_HEAD = do_POST = do_OPTIONS = do_GET  # noqa: N815 - names that the base class looks for

    def _answer(self) -> None:
        method = "GET" if self.command == "HEAD" else self.command
        parts = urlsplit(self.path)
        try:
            body = self._body()
            query = {name: values[-1] for name, values in parse_qs(parts.query).items()}
            handler = self._find(method, parts.path)
            response = handler(Request(parts.path, query, self.headers, body))  # type: ignore[arg-type]
        except BadRequest as error:
            response = Response.json({"error": str(error)}, 400)
        except Exception:
            log.exception("%s %s failed.", method, parts.path)
            response = Response.json({"error": "internal error"}, 500)
        self._send(response)

    def _find(self, method: str, path: str) -> Handler:
        parent = path.rpartition("/")[0] + "/*"
        for known in (path, parent):
            if (method, known) in self.routes:
                return self.routes[method, known]
        status = 405 if any(known in (path, parent) for _, known in self.routes) else 404
        return lambda _: Response.json({"error": "not found" if status == 404 else "wrong method"}, status)

    def _body(self) -> bytes:
        try:
            length = int(self.headers.get("Content-Length") or 0)
        except ValueError:
            length = -1
        if not 0 <= length <= _MAX_BODY:
            self.close_connection = True
            raise BadRequest("The body is too long, or its length is not given.")
        return self.rfile.read(length)

    def _send(self, response: Response) -> None:
        self.send_response(response.status)
        self.send_header("Content-Type", response.kind)
        for name, value in {**self.extra_headers, **response.headers}.items():
            self.send_header(name, value)
        if response.stream is None:
            self.send_header("Content-Length", str(len(response.body)))
        else:
            self.send_header("Connection", "close")
            self.close_connection = True
        self.end_headers()
        if self.command == "HEAD":
            return
        self.wfile.write(response.body)
        for chunk in response.stream or ():
            self.wfile.write(chunk)
            self.wfile.flush()

    def log_message(self, format: str, *args: Any) -> None:
        log.debug(format, *args)
