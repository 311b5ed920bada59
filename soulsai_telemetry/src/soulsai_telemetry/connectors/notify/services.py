"""The HTTP requests by which the services take messages."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass, field

from soulsai_telemetry.connectors.notify.config import Destination, NotifyConfig
from soulsai_telemetry.connectors.notify.messages import Message

_NTFY_LONGEST = 3500
"""Characters of a text for ntfy, which makes a file of one that has more than 4096 bytes."""

_DISCORD_LONGEST = 1900
"""Characters of a message on Discord, which takes 2000."""

_TAGS = {
    "started": "rocket",
    "finished": "checkered_flag",
    "failed": "rotating_light",
    "stuck": "warning",
    "well": "white_check_mark",
    "best": "trophy",
}
"""Event -> the picture that ntfy shows with it."""

_BOUNDARY = "soulsai-part-of-a-message"


@dataclass(frozen=True, slots=True)
class Post:
    """One request. It is not shown in logs or errors: address and headers are secrets."""

    url: str = field(repr=False)
    body: bytes = field(repr=False)
    headers: dict[str, str] = field(repr=False)
    method: str = "POST"


def post(config: NotifyConfig, to: Destination, message: Message, picture: bytes | None) -> Post:
    """The request that sends a message, with a picture as PNG if there is one."""
    make = {"ntfy": _ntfy, "discord": _discord, "webhook": _webhook}[config.service]
    made = make(config, to, message, picture)
    headers = {"User-Agent": "soulsai-telemetry", **made.headers}
    if to.token is not None:
        headers["Authorization"] = f"Bearer {to.token}"
    return Post(made.url, made.body, headers, made.method)


def _ntfy(config: NotifyConfig, to: Destination, message: Message, picture: bytes | None) -> Post:
    headers = {
        "Title": _encoded(message.title),
        "Tags": _TAGS[message.event],
        "Priority": "high" if message.urgent else "default",
    }
    if config.link is not None:
        headers["Click"] = _encoded(config.link)
    text = _cut(message.text, _NTFY_LONGEST)
    if picture is None:
        return Post(to.url, text.encode(), {**headers, "Content-Type": "text/plain; charset=utf-8"})
    # The body is the picture, so the text goes into a header.
    return Post(to.url, picture, {**headers, "Message": _encoded(text), "Filename": "run.png"}, "PUT")


def _discord(config: NotifyConfig, to: Destination, message: Message, picture: bytes | None) -> Post:
    link = "" if config.link is None else f"\n{config.link}"
    text = _cut(f"**{message.title}**\n{message.text}{link}", _DISCORD_LONGEST)
    # Names of clients come from others, and must not call everyone in the channel.
    content = json.dumps({"content": text, "allowed_mentions": {"parse": []}}).encode()
    if picture is None:
        return Post(to.url, content, {"Content-Type": "application/json"})
    parts = [
        ('name="payload_json"', "application/json", content),
        ('name="files[0]"; filename="run.png"', "image/png", picture),
    ]
    body = b"".join(_part(name, kind, data) for name, kind, data in parts)
    headers = {"Content-Type": f"multipart/form-data; boundary={_BOUNDARY}"}
    return Post(to.url, body + f"--{_BOUNDARY}--\r\n".encode(), headers)


def _part(name: str, kind: str, data: bytes) -> bytes:
    """One part of a form."""
    head = f"--{_BOUNDARY}\r\nContent-Disposition: form-data; {name}\r\nContent-Type: {kind}\r\n\r\n"
    return head.encode() + data + b"\r\n"


def _webhook(config: NotifyConfig, to: Destination, message: Message, picture: bytes | None) -> Post:
    values = {"event": message.event, "title": message.title, "text": message.text, "urgent": message.urgent}
    if config.link is not None:
        values["link"] = config.link
    if picture is not None:
        values["picture"] = base64.b64encode(picture).decode()
    return Post(to.url, json.dumps(values).encode(), {"Content-Type": "application/json"})


def _encoded(text: str) -> str:
    """Text as a header takes it: in one line of ASCII (RFC 2047)."""
    if text.isascii() and text.isprintable():
        return text
    # One long word: libraries fold longer ones, and headers end at a line break.
    return f"=?UTF-8?B?{base64.b64encode(text.encode()).decode()}?="


def _cut(text: str, longest: int) -> str:
    return text if len(text) <= longest else f"{text[:longest]}..."
