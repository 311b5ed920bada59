"""A server of a few routes, in a thread of its own: for the page and for connectors."""

from __future__ import annotations

import asyncio
import os
import socket
import threading
from collections.abc import Iterable, Mapping, Sequence

import uvicorn
from anyio import to_thread
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from soulsai_core import ConfigError
from soulsai_telemetry.http.connection import Connection
from soulsai_telemetry.http.hosts import HostCheck
from soulsai_telemetry.http.requests import BodyLimit, error_response

# Connections that may wait to be accepted.
_BACKLOG = 256
# Threads in which requests are answered. A large answer takes some 10 MB while it is made.
_WORKERS = 8
# Seconds that a connection is kept for a next request.
_KEEP_ALIVE = 30
# Seconds for answers under way when the service is closed.
_GRACE = 1


class HttpService:
    """Listens as soon as it is created; answers from `start` to `close`.

    Args:
        section: what comes before the names of its settings, `host`, `port` and `hosts`, in error messages.
        hosts: names to accept in Host headers, besides this machine's own.
        headers: sent with every answer.

    Attributes:
        port: the port at which it listens.

    Raises ConfigError if the port cannot be opened.
    """

    def __init__(
        self,
        host: str,
        port: int,
        routes: Sequence[Route],
        *,
        section: str,
        hosts: Iterable[str] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        self._socket = _listen(host, port, section)
        self.port: int = self._socket.getsockname()[1]
        self._thread: threading.Thread | None = None
        check = Middleware(HostCheck, bind=host, hosts=tuple(hosts), setting=f"{section}hosts")
        self._server = _make_server(_make_application(routes, check), headers or {})

    def start(self) -> None:
        """Answer requests from a thread."""
        # uvicorn takes signals only in the main thread, so those of the process stay with it.
        self._thread = threading.Thread(target=self._run, name=f"http-{self.port}", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop listening. May be called twice."""
        if self._thread is not None:
            self._server.should_exit = True
            self._thread.join()
            self._thread = None
        self._socket.close()

    def _run(self) -> None:
        asyncio.run(self._serve())

    async def _serve(self) -> None:
        to_thread.current_default_thread_limiter().total_tokens = _WORKERS
        await self._server.serve(sockets=[self._socket])
        # Those whose readers did not take their answers within _GRACE.
        for connection in list(self._server.server_state.connections):
            connection.transport.abort()


def _listen(host: str, port: int, section: str) -> socket.socket:
    listener = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    try:
        # A port whose last connections are still being closed can be opened again. On Windows the option would let two
        # servers share a port.
        if os.name == "posix":
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        # Not left to uvicorn: two listeners share a port on some systems until one of them listens.
        listener.listen(_BACKLOG)
    except (OSError, OverflowError) as error:
        listener.close()
        reason = getattr(error, "strerror", None) or error
        raise ConfigError(
            f"{section}port is {port}, but that port cannot be opened at {host} ({reason}). Choose another one."
        ) from error
    return listener


def _make_application(routes: Sequence[Route], check: Middleware) -> Starlette:
    app = Starlette(
        routes=routes,
        middleware=[check, Middleware(BodyLimit)],
        exception_handlers={HTTPException: _refuse, Exception: _fail},  # type: ignore[dict-item]
    )
    app.router.redirect_slashes = False
    return app


def _make_server(app: Starlette, headers: Mapping[str, str]) -> uvicorn.Server:
    config = uvicorn.Config(
        app,
        http=Connection,
        ws="none",
        interface="asgi3",
        lifespan="off",
        workers=1,
        # Failures of ours alone: bad requests are warnings, with which any visitor could fill the log.
        log_config=None,
        log_level="error",
        access_log=False,
        # Nothing here depends on who asks, so what proxies say about that is not looked at.
        proxy_headers=False,
        server_header=False,
        headers=list(headers.items()),
        backlog=_BACKLOG,
        timeout_keep_alive=_KEEP_ALIVE,
        timeout_graceful_shutdown=_GRACE,
    )
    return uvicorn.Server(config)


async def _refuse(_: Request, error: HTTPException) -> Response:
    return error_response(error.detail, error.status_code, error.headers)


async def _fail(_: Request, __: Exception) -> Response:
    """For the reader; uvicorn logs the error."""
    return error_response("internal error", 500)
