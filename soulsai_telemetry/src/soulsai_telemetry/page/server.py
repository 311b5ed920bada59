"""Serves the page and its data; a connector of the telemetry node, as those of plugins are."""

from __future__ import annotations

import hmac
import logging
import math
import time
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from soulsai_core import ConfigError, hookimpl
from soulsai_telemetry.config import PageSettings
from soulsai_telemetry.history.history import AXES, History
from soulsai_telemetry.history.records import EpisodeRecord, TrainingStatus
from soulsai_telemetry.history.update import HistoryUpdate
from soulsai_telemetry.http_service import BadRequest, HttpService, Request, Response
from soulsai_telemetry.page import views
from soulsai_telemetry.page.events import EventStream

if TYPE_CHECKING:
    from soulsai_telemetry.node import TelemetryNode

log = logging.getLogger(__name__)

FIRST_PORT = 8081
LAST_PORT = 8099

# Shortest time in seconds between two messages with episodes.
_PAUSE = 0.5
# Most episodes in one message; for more, the page loads the history again.
_MAX_RECORDS = 500
# Points of a curve, by default and at most. The page asks for about one a pixel.
_POINTS = 800
_MAX_POINTS = 5000
_LOG_LINES = 200
_KINDS = {".html": "text/html; charset=utf-8", ".css": "text/css; charset=utf-8", ".svg": "image/svg+xml"}
_KINDS |= {".js": "text/javascript; charset=utf-8", ".txt": "text/plain; charset=utf-8"}
# Everything that the page loads comes from this server, and no other site may show it in a frame.
_HEADERS = {
    "Content-Security-Policy": "default-src 'self'; img-src 'self' data:; frame-ancestors 'self'; form-action 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}


class Page:
    """The live page of one telemetry node. `listen` opens its port."""

    def __init__(self, node: TelemetryNode, settings: PageSettings) -> None:
        self._node = node
        self._token = settings.token.get_secret_value().encode() if settings.token else b""
        self._settings = settings
        self._events = EventStream()
        self._unsent: list[EpisodeRecord] = []
        self._last_sent = 0.0
        self._static = _read_static()
        self._service: HttpService | None = None

    @property
    def url(self) -> str:
        """The address for a browser on this machine."""
        host = self._settings.host
        local = "localhost" if host in ("0.0.0.0", "::", "127.0.0.1", "") else host
        return f"http://{local}:{self._service.port if self._service else 0}"

    def listen(self, preferred: int | None = None) -> None:
        """Open the port of the settings; without one, `preferred` if it is free, else the first free one.

        Raises ConfigError if none can be opened.
        """
        chosen = self._settings.port
        if chosen is not None:
            ports = [chosen]
        else:
            ports = [*([preferred] if preferred else []), *range(FIRST_PORT, LAST_PORT)]
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
    def episodes_recorded(self, update: HistoryUpdate) -> None:
        """Collect the episodes; they are sent at most twice a second."""
        # A page that is opened later loads the history, so without readers there is nothing to collect.
        if self._events.has_readers:
            self._unsent += update.records
            self._send_episodes()

    @hookimpl
    def status_received(self, status: TrainingStatus) -> None:
        if self._events.has_readers:
            self._events.send("state", views.state(self._node, status))
            self._send_episodes()

    @hookimpl
    def training_stopped(self, reason: str) -> None:
        self._events.send("stopped", {"reason": reason})

    def close(self) -> None:
        """End the readers' connections and close the port."""
        self._events.close()
        if self._service is not None:
            self._service.close()

    def _send_episodes(self) -> None:
        now = time.monotonic()
        if not self._unsent or now - self._last_sent < _PAUSE:
            return
        records = self._unsent
        self._unsent = []
        self._last_sent = now
        if len(records) > _MAX_RECORDS:
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
            ("GET", "/api/state"): lambda _: Response.json(views.state(self._node, self._node.status)),
            ("GET", "/api/history"): lambda request: self._history(request, self._node.history),
            ("GET", "/api/status-history"): lambda request: self._history(request, self._node.status_history),
            ("GET", "/api/log"): self._log,
            ("GET", "/api/events"): self._stream_events,
            ("POST", "/api/quicksave"): self._quicksave,
        }

    def _file(self, name: str) -> Response:
        if name not in self._static:
            return Response.json({"error": "not found"}, 404)
        kind = next((kind for suffix, kind in _KINDS.items() if name.endswith(suffix)), "application/octet-stream")
        return Response(self._static[name], kind, headers={"Cache-Control": "no-cache"})

    def _history(self, request: Request, history: History) -> Response:
        axis = request.query.get("axis", "episode")
        if axis not in AXES:
            raise BadRequest(f"axis must be one of {', '.join(AXES)}.")
        points = int(min(max(_number(request, "points", _POINTS), 2), _MAX_POINTS))
        start = _number(request, "start", -math.inf)
        end = _number(request, "end", math.inf)
        return Response.json(views.curves(history, axis, start, end, points))

    def _log(self, request: Request) -> Response:
        lines = self._node.view.log_lines(request.query.get("name", ""), _LOG_LINES)
        return Response.json({"names": self._node.view.logs(), "lines": lines})

    def _stream_events(self, request: Request) -> Response:
        headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
        first = b'event: hello\ndata: {"run_id":"%s"}\n\n' % self._node.run_id.encode()
        return Response(kind="text/event-stream", headers=headers, stream=self._events.read(first))

    def _quicksave(self, request: Request) -> Response:
        # A header, not a cookie: a browser never adds it to the requests of another site.
        given = (request.headers.get("Authorization") or "").removeprefix("Bearer ").encode()
        if not self._token or not hmac.compare_digest(given, self._token):
            return Response.json({"ok": False, "detail": "This needs the token in telemetry.config.page.token."}, 403)
        reply = self._node.send_command("quicksave")
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
    """Name -> content of all files of the page. A request can name nothing else."""
    folder = files("soulsai_telemetry.page") / "static"
    found = [*folder.iterdir(), *(folder / "vendor").iterdir()]
    return {file.name: file.read_bytes() for file in found if file.is_file()}
