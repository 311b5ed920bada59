"""The names by which a server may be asked.

A page of another site can give its own name the address of this machine (DNS rebinding): the browser then lets that
page read what this server answers. Its requests carry the other site's name in the Host header, which gives them away.
"""

from __future__ import annotations

import re
import socket
from collections.abc import Iterable
from ipaddress import ip_address

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from soulsai_telemetry.http.requests import error_response

_HOST = re.compile(r"(?:\[(?P<address>[0-9A-Fa-f:.]+)\]|(?P<name>[\w.-]+))(?::\d{1,5})?", re.ASCII)


class HostCheck:
    """Refuses requests with a Host header of another name.

    Starlette's TrustedHostMiddleware refuses them too, but its answer does not say what to do about it.

    Args:
        bind: the address at which the server listens.
        hosts: names to accept besides this machine's own; "*.example.org" for all names below one, "*" for any.
        setting: full name of the setting of `hosts`, for the error message.
    """

    def __init__(self, app: ASGIApp, bind: str, hosts: Iterable[str], setting: str) -> None:
        self._app = app
        self._setting = setting
        # Not the full name: finding it asks a name server, which may take seconds.
        machine = socket.gethostname().partition(".")[0]
        known = {"localhost", bind, machine, f"{machine}.local", socket.gethostname(), *hosts}
        self._names = {name.lower() for name in known}
        self._endings = tuple(name[1:] for name in self._names if name.startswith("*"))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        reason = self._reason_to_refuse(Headers(scope=scope).get("Host", ""))
        app = self._app if reason is None else error_response(reason)
        await app(scope, receive, send)

    def _reason_to_refuse(self, header: str) -> str | None:
        match = _HOST.fullmatch(header)
        if match is None:
            return "The request has no valid Host header."
        name = (match["address"] or match["name"]).lower().removesuffix(".")
        if name in self._names or name.endswith(self._endings) or _is_address(name):
            return None
        return f"This server is not known as {name}. If that is one of its names, add it to {self._setting}."


def _is_address(name: str) -> bool:
    """True for an IP address. Always accepted: a site cannot give it to this machine, since no look-up is made."""
    try:
        ip_address(name)
    except ValueError:
        return False
    return True
