"""Serves the page and what it shows; hears the telemetry node's events like any connector."""

from __future__ import annotations

import hmac
import logging
import math
import time
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from soulsai_core import ConfigError, hookimpl
from soulsai_telemetry.config import PageSettings
from soulsai_telemetry.http_service import BadRequest, HttpService, Request, Response
from soulsai_telemetry.page import views
from soulsai_telemetry.page.events import EventStream
from soulsai_telemetry.records import Record, Update, Vitals

if TYPE_CHECKING:
    from soulsai_telemetry.node import TelemetryNode

log = logging.getLogger(__name__)

FIRST_PORT = 8081
LAST_PORT = 8099

_PAUSE = 0.5
_MOST_RECORDS = 500
_KINDS = {".html": "text/html; charset=utf-8", ".css": "text/css; charset=utf-8", ".svg": "image/svg+xml"}
_KINDS |= {".js": "text/javascript; charset=utf-8", ".txt": "text/plain; charset=utf-8"}
_HEADERS = {
    "Content-Security-Policy": "default-src 'self'; img-src 'self' data:; frame-ancestors 'self'; form-action 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}


class Page:
    """The live page of one telemetry node; `listen` opens its port.

    Attributes:
        url: where a browser on this machine finds it.
    """

    def __init__(self, node: TelemetryNode, settings: PageSettings) -> None:
        self._node = node
        self._token = settings.token.get_secret_value().encode() if settings.token else b""
        self._settings = settings
        self._events = EventStream()
        self._pending: list[Record] = []
        self._told = 0.0
        self._static = _read_static()
        self._service: HttpService | None = None

    @property
    def url(self) -> str:
        host = self._settings.host
        local = "localhost" if host in ("0.0.0.0", "::", "127.0.0.1", "") else host
        return f"http://{local}:{self._service.port if self._service else 0}"

    def listen(self, preferred: int | None = None) -> None:
        """Open the port that the settings name, else `preferred` or the first that is free. Raises ConfigError."""
        chosen = self._settings.port
        ports = [chosen] if chosen is not None else [*([preferred] if preferred else []), *range(FIRST_PORT, LAST_PORT)]
        for port in ports:
            try:
                self._service = HttpService(
                    self._settings.host, port, self._routes(), setting="telemetry.config.page.port", headers=_HEADERS
                )
                break
            except ConfigError:
                if port == ports[-1]:
                    raise
        assert self._service is not None
        self._service.start()

    # -- events

    @hookimpl
    def episodes_recorded(self, update: Update) -> None:
        """Collect them: the page is told a few times a second at most."""
        if not self._events.wanted:
            return
        self._pending += update.records
        self._tell_episodes()

    @hookimpl
    def status_received(self, vitals: Vitals) -> None:
        if self._events.wanted:
            self._events.send("state", views.state(self._node, vitals))
            self._tell_episodes()

    @hookimpl
    def training_stopped(self, reason: str) -> None:
        self._events.send("stopped", {"reason": reason})

    def close(self) -> None:
        """Let the readers go and close the port."""
        self._events.close()
        if self._service is not None:
            self._service.close()

    def _tell_episodes(self) -> None:
        now = time.monotonic()
        if not self._pending or now - self._told < _PAUSE:
            return
        records = self._pending
        self._pending = []
        self._told = now
        if len(records) > _MOST_RECORDS:
            self._events.send("reload", {})
        else:
            self._events.send("episodes", [views.record(record) for record in records])

    # -- requests

    def _routes(self) -> dict[tuple[str, str], Any]:
        return {
            ("GET", "/"): lambda _: self._file("index.html"),
            ("GET", "/static/*"): lambda request: self._file(request.path.rpartition("/")[2]),
            ("GET", "/health"): lambda _: Response.json({"ok": True, "run_id": self._node.run_id}),
            ("GET", "/api/run"): lambda _: Response.json(views.run(self._node, writable=bool(self._token))),
            ("GET", "/api/state"): lambda _: Response.json(views.state(self._node, self._node.vitals)),
            ("GET", "/api/history"): lambda request: self._history(request, self._node.history),
            ("GET", "/api/vitals"): lambda request: self._history(request, self._node.vitals_history),
            ("GET", "/api/log"): self._log,
            ("GET", "/api/events"): self._listen_to_events,
            ("POST", "/api/quicksave"): self._quicksave,
        }

    def _file(self, name: str) -> Response:
        if name not in self._static:
            return Response.json({"error": "not found"}, 404)
        kind = next((kind for suffix, kind in _KINDS.items() if name.endswith(suffix)), "application/octet-stream")
        return Response(self._static[name], kind, headers={"Cache-Control": "no-cache"})

    def _history(self, request: Request, history: Any) -> Response:
        axis = request.query.get("axis", "episode")
        if axis not in views.AXES:
            raise BadRequest(f"axis is one of {', '.join(views.AXES)}.")
        points = int(min(max(_number(request, "points", 800), 2), 5000))
        start = _number(request, "start", -math.inf)
        end = _number(request, "end", math.inf)
        return Response.json(views.curves(history, axis, start, end, points))

    def _log(self, request: Request) -> Response:
        lines = self._node.view.log_lines(request.query.get("name", ""), 200)
        return Response.json({"names": self._node.view.logs(), "lines": lines})

    def _listen_to_events(self, request: Request) -> Response:
        headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
        first = b'event: hello\ndata: {"run_id":"%s"}\n\n' % self._node.run_id.encode()
        return Response(kind="text/event-stream", headers=headers, stream=self._events.read(first))

    def _quicksave(self, request: Request) -> Response:
        given = (request.headers.get("Authorization") or "").removeprefix("Bearer ").encode()
        if not self._token or not hmac.compare_digest(given, self._token):
            return Response.json({"ok": False, "detail": "This needs the token of telemetry.config.page.token."}, 403)
        reply = self._node.order("quicksave")
        return Response.json({"ok": reply.ok, "detail": reply.detail}, 200 if reply.ok else 503)


def _number(request: Request, name: str, default: float) -> float:
    try:
        value = float(request.query.get(name, default))
    except ValueError:
        value = math.nan
    if math.isnan(value):
        raise BadRequest(f"{name} must be a number.")
    return value


def _read_static() -> dict[str, bytes]:
    folder = files("soulsai_telemetry.page") / "static"
    found = [*folder.iterdir(), *(folder / "vendor").iterdir()]
    return {file.name: file.read_bytes() for file in found if file.is_file()}
