"""Settings of the connector notify, and where its address and its token come from."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Literal, NamedTuple
from urllib.parse import urlsplit

from pydantic import Field, SecretStr

from soulsai_core import PluginError, Settings

Event = Literal["started", "finished", "failed", "stuck", "well", "best"]
EVENTS: tuple[Event, ...] = ("started", "finished", "failed", "stuck", "well", "best")

_URL_VARIABLE = "NOTIFY_URL"
_TOKEN_VARIABLE = "NOTIFY_TOKEN"


class NotifyConfig(Settings):
    service: Literal["ntfy", "discord", "webhook"] = Field(
        default="ntfy", description="What the address belongs to: ntfy, Discord, or anything that takes JSON (webhook)."
    )
    url: SecretStr | None = Field(
        default=None,
        description=f"Address to send to, such as https://ntfy.sh/TOPIC; null: from url_file, or {_URL_VARIABLE}.",
    )
    url_file: str | None = Field(default=None, description="File with the address, so that no configuration has it.")
    token: SecretStr | None = Field(
        default=None,
        description=f"Token of the account, if there is one; null: from token_file, else {_TOKEN_VARIABLE}.",
    )
    token_file: str | None = Field(default=None, description="File with the token.")
    events: tuple[Event, ...] = Field(default=EVENTS, description="Events that a message is sent about.")
    patience_s: float = Field(
        default=60.0, ge=0, description="Seconds that a problem, or its end, must last before a message is sent."
    )
    best_interval_s: float = Field(
        default=1800.0, ge=0, description="Shortest time between two messages about a new best; the newest is sent."
    )
    max_per_hour: int = Field(
        default=20,
        ge=1,
        description="Most messages in an hour; further ones are counted in the next. That of the end is always sent.",
    )
    picture: bool = Field(
        default=True, description="Attach the figure of the run to the messages about a new best and about the end."
    )
    link: str | None = Field(default=None, description="Address that a message opens, such as that of the page.")


class Destination(NamedTuple):
    """Where messages go. Both parts are secrets: neither is printed or logged."""

    url: str
    token: str | None


def destination(config: NotifyConfig, environ: Mapping[str, str] = os.environ) -> Destination:
    """The address and the token. Raises PluginError with a sentence that shows neither."""
    url = _secret("url", config.url, config.url_file, environ.get(_URL_VARIABLE))
    if url is None:
        raise PluginError(
            f"notify has no address to send to: write it into a file and set url_file, or set {_URL_VARIABLE} in the "
            "environment."
        )
    try:
        parts = urlsplit(url)
        usable = parts.scheme in ("http", "https") and parts.hostname is not None and parts.port != 0
    except ValueError:
        usable = False
    if not usable or not url.isascii() or any(character.isspace() for character in url):
        raise PluginError("The address of notify must be one word that begins with https:// or http://.")
    token = _secret("token", config.token, config.token_file, environ.get(_TOKEN_VARIABLE))
    if token is not None and (not token.isascii() or any(character.isspace() for character in token)):
        raise PluginError("The token of notify must be one word of ASCII characters.")
    return Destination(url, token)


def _secret(name: str, given: SecretStr | None, file: str | None, variable: str | None) -> str | None:
    if given is not None:
        return given.get_secret_value().strip() or None
    if file is None:
        return (variable or "").strip() or None
    try:
        return Path(file).read_text(encoding="utf-8-sig").strip() or None
    except OSError as error:
        raise PluginError(f"notify.{name}_file: {file} cannot be read: {error.strerror}.") from None
    except ValueError:
        raise PluginError(f"notify.{name}_file: {file} is not UTF-8 text.") from None
