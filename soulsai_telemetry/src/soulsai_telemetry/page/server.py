"""Serves the page and its data. For a live run it is a connector of the telemetry node, as those of plugins are."""

from __future__ import annotations

import time
from importlib.resources import files

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from soulsai_core import ConfigError, hookimpl
from soulsai_telemetry.config import PageSettings
from soulsai_telemetry.history.records import EpisodeRecord, TrainingStatus
from soulsai_telemetry.history.update import HistoryUpdate
from soulsai_telemetry.http import HttpService
from soulsai_telemetry.page import views
from soulsai_telemetry.page.actions import PageActions
from soulsai_telemetry.page.api import PageApi
from soulsai_telemetry.page.events import EventStream
from soulsai_telemetry.page.library import RunLibrary
from soulsai_telemetry.page.source import RunSource
from soulsai_telemetry.page.token import TokenCheck, read_token

FIRST_PORT = 8081
LAST_PORT = 8099

# Shortest time in seconds between two messages with episodes.
_PAUSE = 0.5
# Most episodes in one message; for more, the page loads the history again.
_MAX_RECORDS = 500
_KINDS = {".html": "text/html; charset=utf-8", ".css": "text/css; charset=utf-8", ".svg": "image/svg+xml"}
_KINDS |= {".js": "text/javascript; charset=utf-8", ".txt": "text/plain; charset=utf-8"}
# Everything that the page loads comes from this server, and no other site may show it in a frame.
_HEADERS = {
    "Content-Security-Policy": "default-src 'self'; img-src 'self' data:; frame-ancestors 'self'; form-action 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}


class Page:
    """The page of one run. `listen` opens its port. Raises ConfigError if the file of its token cannot be used.

    Attributes:
        note: a sentence about the port, "" if it is the usual one.
    """

    def __init__(self, source: RunSource, settings: PageSettings) -> None:
        self._source = source
        check = TokenCheck(read_token(settings))
        self._settings = settings
        saves = source.view.folder.path.parent if settings.runs else None
        library = RunLibrary(saves, source.run_id)
        self._api = PageApi(source, library, writable=check.exists)
        self._actions = PageActions(source, check)
        self._events = EventStream()
        self._unsent: list[EpisodeRecord] = []
        self._last_sent = 0.0
        self._static = _read_static()
        self._service: HttpService | None = None
        self.note = ""

    @property
    def url(self) -> str:
        """The address for a browser on this machine."""
        host = self._settings.host
        local = "localhost" if host in ("0.0.0.0", "::", "127.0.0.1", "") else host
        return f"http://{local}:{self._service.port if self._service else 0}"

    @property
    def was_read(self) -> bool:
        """Whether a browser has shown the page."""
        return self._events.had_readers

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
                    self._settings.host,
                    port,
                    self._routes(),
                    section="telemetry.config.page.",
                    hosts=self._settings.hosts,
                    headers=_HEADERS,
                )
                break
            except ConfigError:
                if port == ports[-1]:
                    raise
        assert self._service is not None
        if chosen is None and self._service.port not in (FIRST_PORT, preferred):
            self.note = f"(port {FIRST_PORT} is taken, as by another training on this machine)"
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
            self._events.send("state", views.state(self._source, status))
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

    def _routes(self) -> list[Route]:
        return [
            Route("/", self._index),
            Route("/static/{name}", self._static_file),
            *self._api.routes(),
            *self._actions.routes(),
            Route("/api/events", self._stream_events),
        ]

    async def _index(self, request: Request) -> Response:
        return self._file("index.html")

    async def _static_file(self, request: Request) -> Response:
        return self._file(request.path_params["name"])

    def _file(self, name: str) -> Response:
        if name not in self._static:
            raise HTTPException(404)
        kind = next((kind for suffix, kind in _KINDS.items() if name.endswith(suffix)), "application/octet-stream")
        return Response(self._static[name], media_type=kind, headers={"Cache-Control": "no-cache"})

    async def _stream_events(self, request: Request) -> Response:
        if request.method == "HEAD":
            return Response(media_type="text/event-stream")
        return self._events.response(b'event: hello\ndata: {"run_id":"%s"}\n\n' % self._source.run_id.encode())


def _read_static() -> dict[str, bytes]:
    """Name -> content of all files of the page. A request can name nothing else."""
    folder = files("soulsai_telemetry.page") / "static"
    found = [*folder.iterdir(), *(folder / "vendor").iterdir()]
    return {file.name: file.read_bytes() for file in found if file.is_file()}
