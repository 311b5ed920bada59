"""What the page asks for: the answers as values that can be written as JSON, and the bounds of the questions."""

from __future__ import annotations

import math
from typing import Any

import msgspec
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import Route

from soulsai_telemetry.films.store import FilmStore
from soulsai_telemetry.history.history import AXES, Axis, History
from soulsai_telemetry.http import BadRequest, get_json, number
from soulsai_telemetry.page import views
from soulsai_telemetry.page.library import RunLibrary
from soulsai_telemetry.page.source import RunSource

# Points of a curve, by default and at most. The page asks for about one a pixel.
_POINTS = 800
_MAX_POINTS = 5000
# Episodes in a moving average, at most.
_MAX_WINDOW = 10_000
_LOG_LINES = 200
_MAX_NAME = 300


class PageApi:
    """Answers questions about one run, and about those next to it.

    Args:
        writable: the page has a token, for those who may change something.
    """

    def __init__(self, source: RunSource, library: RunLibrary, *, writable: bool) -> None:
        self._source = source
        self._library = library
        self._writable = writable
        self._films = FilmStore(source.view.folder.path / "films")

    def routes(self) -> list[Route]:
        """All questions. Each is a GET, and changes nothing."""
        return [
            get_json("/health", lambda _: {"ok": True, "run_id": self._source.run_id}),
            get_json("/api/run", lambda _: views.run(self._source, writable=self._writable)),
            get_json("/api/state", lambda _: views.state(self._source, self._source.status)),
            get_json("/api/history", self._history),
            get_json("/api/status-history", lambda query: self._curves(self._source.status_history, query)),
            get_json("/api/happened", lambda _: {"events": views.events(self._source)}),
            get_json("/api/runs", lambda _: {"runs": self._library.rows()}),
            get_json("/api/log", self._log),
            get_json("/api/films", lambda _: {"films": msgspec.to_builtins(self._films.films())}),
            Route("/films/{name}", self._film),
        ]

    def _film(self, request: Request) -> Response:
        # Only names that were found in the folder of films.
        path = self._films.path(request.path_params["name"])
        if path is None:
            raise HTTPException(404)
        return FileResponse(path, media_type="video/mp4")

    def _history(self, query: dict[str, str]) -> dict[str, Any]:
        name = query.get("run", "")[:_MAX_NAME]
        if not name:
            return self._curves(self._source.history, query)
        run = self._library.open(name)
        if run is None:
            raise BadRequest("There is no run of this name next to this one, or it is too large to be compared.")
        return self._curves(run.history, query)

    def _curves(self, history: History, query: dict[str, str]) -> dict[str, Any]:
        given = query.get("axis", "episode")
        axis: Axis | None = next((axis for axis in AXES if axis == given), None)
        if axis is None:
            raise BadRequest(f"axis must be one of {', '.join(AXES)}.")
        return views.curves(
            history,
            axis,
            start=number(query, "start", -math.inf),
            end=number(query, "end", math.inf),
            points=int(min(max(number(query, "points", _POINTS), 2), _MAX_POINTS)),
            window=int(min(max(number(query, "window", 0), 0), _MAX_WINDOW)) or None,
        )

    def _log(self, query: dict[str, str]) -> dict[str, Any]:
        lines = self._source.view.log_lines(query.get("name", ""), _LOG_LINES)
        return {"names": self._source.view.logs(), "lines": lines}
