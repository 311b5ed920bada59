"""Addresses of Redis servers, and the ways to write them. No client library is needed to read them."""

from __future__ import annotations

import socket
from dataclasses import dataclass
from urllib.parse import SplitResult, unquote, urlsplit

from soulsai_core.errors import ConfigError

DEFAULT_PORT = 6379
ESCAPES = (
    "In a user's name or password write # / ? @ [ % as %23 %2F %3F %40 %5B %25, or put the password into redis.secret."
)
FORMS = "HOST, HOST:PORT, [IPV6]:PORT, redis://HOST:PORT, rediss://HOST:PORT (TLS) or unix:///PATH"


@dataclass(frozen=True, slots=True)
class Address:
    """The address of a server. Exactly one of `host` and `path`, that of a unix socket, is set."""

    host: str = ""
    port: int = DEFAULT_PORT
    path: str = ""
    tls: bool = False
    database: int = 0
    username: str | None = None
    password: str | None = None

    def __str__(self) -> str:
        """For messages: without user and password."""
        if self.path:
            return self.path
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    def __repr__(self) -> str:
        return f"Address({self})"


def parse_address(text: str) -> Address:
    """Read an address. Raises ConfigError for other text, without repeating a password that may be in it."""
    text = text.strip()
    if "://" not in text:
        text = f"redis://{_without_scheme(text)}"
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        # Not the error's own words, in which Python quotes what may be the beginning of a password.
        raise _error(text, "its host or port cannot be read") from None
    if parts.scheme == "unix":
        return _unix(parts, text)
    if parts.scheme not in ("redis", "rediss"):
        raise _error(text, f"it begins with {parts.scheme}://")
    return _network(parts, port, text)


def _without_scheme(text: str) -> str:
    if text.count(":") > 1 and "[" not in text and "@" not in text:
        raise _error(text, "an IPv6 address needs brackets")
    if "/" in text:
        raise _error(text, "a path needs unix:// before it")
    return text


def _unix(parts: SplitResult, text: str) -> Address:
    path = unquote(parts.path)
    if parts.netloc or not path.startswith("/") or path == "/":
        raise _error(text, "unix:// takes an absolute path, so three slashes in all")
    if not hasattr(socket, "AF_UNIX"):
        raise _error(text, "this system has no unix sockets")
    return Address(path=path)


def _network(parts: SplitResult, port: int | None, text: str) -> Address:
    host = parts.hostname or ""
    if not host or any(character.isspace() for character in host):
        raise _error(text, "there is no host in it")
    if port == 0:
        raise _error(text, "port 0 is none")
    database = parts.path.strip("/")
    if (database and not database.isdecimal()) or parts.query or parts.fragment:
        raise _error(text, "after the port only the number of a database may follow")
    return Address(
        host=host,
        port=DEFAULT_PORT if port is None else port,
        tls=parts.scheme == "rediss",
        database=int(database or 0),
        username=_unquoted(parts.username),
        password=_unquoted(parts.password),
    )


def _unquoted(text: str | None) -> str | None:
    return unquote(text) if text else None


def _error(text: str, why: str) -> ConfigError:
    # All between the scheme and the last "@" may hold a password, also where the rest is wrong.
    scheme, separator, rest = text.partition("://")
    _, at, host = rest.rpartition("@")
    advice = f" {ESCAPES}" if at else ""
    return ConfigError(
        f"'{scheme}{separator}{host}' is not the address of a Redis server: {why}. Write {FORMS}.{advice}"
    )
