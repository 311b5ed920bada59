"""Where a server is: the ways to write an address, read without any client library."""

from __future__ import annotations

import socket
from dataclasses import dataclass
from urllib.parse import SplitResult, unquote, urlsplit

from soulsai_core.errors import ConfigError

DEFAULT_PORT = 6379
FORMS = "HOST, HOST:PORT, [IPV6]:PORT, redis://HOST:PORT, rediss://HOST:PORT (TLS) or unix:///PATH"


@dataclass(frozen=True, slots=True)
class Address:
    """A server's place. Exactly one of `host` and `path` is set."""

    host: str = ""
    port: int = DEFAULT_PORT
    path: str = ""
    tls: bool = False
    database: int = 0
    username: str | None = None
    password: str | None = None

    def __str__(self) -> str:
        """For messages: never a user or a password."""
        if self.path:
            return self.path
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    def __repr__(self) -> str:
        return f"Address({self})"


def parse_address(text: str) -> Address:
    """Read an address. Raises ConfigError for what is none, without repeating a password that may be in it."""
    text = text.strip()
    if "://" not in text:
        text = f"redis://{_bare(text)}"
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError as error:
        raise _bad(text, str(error)) from None
    if parts.scheme == "unix":
        return _unix(parts, text)
    if parts.scheme not in ("redis", "rediss"):
        raise _bad(text, f"it begins with {parts.scheme}://")
    return _network(parts, port, text)


def _bare(text: str) -> str:
    if text.count(":") > 1 and "[" not in text and "@" not in text:
        raise _bad(text, "an IPv6 address needs brackets")
    if "/" in text:
        raise _bad(text, "a path needs unix:// before it")
    return text


def _unix(parts: SplitResult, text: str) -> Address:
    path = unquote(parts.path)
    if parts.netloc or not path.startswith("/") or path == "/":
        raise _bad(text, "unix:// takes an absolute path, so three slashes in all")
    if not hasattr(socket, "AF_UNIX"):
        raise _bad(text, "this system has no unix sockets")
    return Address(path=path)


def _network(parts: SplitResult, port: int | None, text: str) -> Address:
    host = parts.hostname or ""
    if not host or any(character.isspace() for character in host):
        raise _bad(text, "there is no host in it")
    if port == 0:
        raise _bad(text, "port 0 is none")
    database = parts.path.strip("/")
    if (database and not database.isdecimal()) or parts.query or parts.fragment:
        raise _bad(text, "after the port only the number of a database may follow")
    return Address(
        host=host,
        port=DEFAULT_PORT if port is None else port,
        tls=parts.scheme == "rediss",
        database=int(database or 0),
        username=_plain(parts.username),
        password=_plain(parts.password),
    )


def _plain(text: str | None) -> str | None:
    return unquote(text) if text else None


def _bad(text: str, why: str) -> ConfigError:
    scheme, separator, rest = text.rpartition("://")
    shown = scheme + separator + rest.rpartition("@")[2]
    return ConfigError(f"'{shown}' is not the address of a Redis server: {why}. Write {FORMS}.")
