"""Refuses requests for names that are not this server's.

Starlette's TrustedHostMiddleware refuses them too, but its answer does not say what to do about it.
"""

from __future__ import annotations

from collections.abc import Iterable

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from soulsai_core.app import KnownHosts
from soulsai_telemetry.http.requests import error_response


class HostCheck:
    """Refuses requests with a Host header of another name.

    Args:
        bind, hosts, setting: as `KnownHosts` takes them.
    """

    def __init__(self, app: ASGIApp, bind: str, hosts: Iterable[str], setting: str) -> None:
        self._app = app
        self._known = KnownHosts(bind, hosts, setting)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        reason = self._known.reason_to_refuse(Headers(scope=scope).get("Host", ""))
        app = self._app if reason is None else error_response(reason)
        await app(scope, receive, send)
