"""The names by which a server on this machine may be asked.

A page of another site can give its own name the address of this machine (DNS rebinding): the browser then lets that
page read what a server here answers. Its requests carry the other site's name in the Host header, which gives them
away.
"""

from __future__ import annotations

import re
import socket
from collections.abc import Iterable
from ipaddress import ip_address
from typing import Annotated

from pydantic import AfterValidator, Field

_HOST_NAME = re.compile(r"\*|(\*\.)?[A-Za-z0-9_.-]+")
_HEADER = re.compile(r"(?:\[(?P<address>[0-9A-Fa-f:.]+)\]|(?P<name>[\w.-]+))(?::\d{1,5})?", re.ASCII)


def _is_host_name(name: str) -> str:
    if not _HOST_NAME.fullmatch(name):
        raise ValueError('must be a name without a port, such as "play.example.org" or "*.example.org", or "*"')
    return name


HostNames = Annotated[
    tuple[Annotated[str, AfterValidator(_is_host_name)], ...],
    Field(
        description="Names by which other machines reach this server, such as that of a proxy. Requests for other"
        ' names are refused, except for addresses and this machine\'s own name. "*.example.org" stands'
        ' for all names below it, "*" for any name.'
    ),
]
"""A setting of the names that a server accepts in the Host headers of requests."""


class KnownHosts:
    """Judges Host headers.

    Args:
        bind: the address at which the server listens.
        hosts: names to accept besides this machine's own; "*.example.org" for all names below one, "*" for any.
        setting: full name of the setting of `hosts`, for the sentence to the reader.
    """

    def __init__(self, bind: str, hosts: Iterable[str], setting: str) -> None:
        self._setting = setting
        # Not the full name: finding it asks a name server, which may take seconds.
        machine = socket.gethostname().partition(".")[0]
        known = {"localhost", bind, machine, f"{machine}.local", socket.gethostname(), *hosts}
        self._names = {name.lower() for name in known}
        self._endings = tuple(name[1:] for name in self._names if name.startswith("*"))

    def reason_to_refuse(self, header: str) -> str | None:
        """A sentence for the reader if the request is for another name, else None."""
        match = _HEADER.fullmatch(header)
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
