"""What those who have the token can do on the page: save the model, change settings, undo a change."""

from __future__ import annotations

from typing import Any

import msgspec
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from soulsai_core.app import UNREADABLE, Reply
from soulsai_telemetry.http import json_response
from soulsai_telemetry.page.source import RunSource
from soulsai_telemetry.page.token import TokenCheck

# Settings in one change, and characters of each.
_MAX_SETTINGS = 20
_MAX_LENGTH = 500


class _Change(msgspec.Struct, forbid_unknown_fields=True):
    """A change of settings, each as name=value."""

    settings: list[str]


class PageActions:
    """Sends commands to the training node for requests with the token."""

    def __init__(self, source: RunSource, check: TokenCheck) -> None:
        self._source = source
        self._check = check

    def routes(self) -> list[Route]:
        """All that can be done, each a POST."""
        return [
            Route("/api/quicksave", self._quicksave, methods=["POST"]),
            Route("/api/settings", self._set, methods=["POST"]),
            Route("/api/settings/undo", self._undo, methods=["POST"]),
        ]

    async def _quicksave(self, request: Request) -> Response:
        return self._check.refusal(request) or await self._send("quicksave", {})

    async def _set(self, request: Request) -> Response:
        refused = self._check.refusal(request) or self._fixed()
        if refused is not None:
            return refused
        try:
            settings = msgspec.json.decode(await request.body(), type=_Change).settings
        except UNREADABLE:
            return _unfit('The body must be {"settings": ["name=value"]}.')
        if not 0 < len(settings) <= _MAX_SETTINGS or any(len(setting) > _MAX_LENGTH for setting in settings):
            return _unfit(f"Change 1 to {_MAX_SETTINGS} settings at a time, of {_MAX_LENGTH} characters at most each.")
        return await self._send("set", {"settings": settings, "origin": _origin(request)}, failed=400)

    async def _undo(self, request: Request) -> Response:
        refused = self._check.refusal(request) or self._fixed()
        return refused or await self._send("set_back", {"origin": _origin(request)}, failed=400)

    def _fixed(self) -> Response | None:
        """The answer where the settings cannot be changed from the page."""
        status = self._source.status
        if not self._source.live or status is None:
            return _unfit("There is no running training whose settings could be changed.", 503)
        if not status.node.changes_from_page:
            return _unfit("Settings are changed here only with training.changes_from_page=true.", 409)
        return None

    async def _send(self, name: str, options: dict[str, Any], *, failed: int = 503) -> Response:
        # It waits for the training node, in a worker thread.
        reply: Reply = await run_in_threadpool(lambda: self._source.send_command(name, options))
        return json_response({"ok": reply.ok, "detail": reply.detail}, 200 if reply.ok else failed)


def _origin(request: Request) -> str:
    """Where a change comes from, for people. Behind a proxy it is the proxy's address."""
    return f"the page, opened at {request.client.host}" if request.client else "the page"


def _unfit(sentence: str, status: int = 400) -> Response:
    return json_response({"ok": False, "detail": sentence}, status)
