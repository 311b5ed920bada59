"""The form in which each service takes messages."""

import base64
import json
from email.header import decode_header, make_header

import pytest

from soulsai_telemetry.connectors.notify.config import Destination, NotifyConfig
from soulsai_telemetry.connectors.notify.messages import Message
from soulsai_telemetry.connectors.notify.services import post

MESSAGE = Message("stuck", "run-1: stuck", "Größe 5.\nSecond line.", urgent=True)
TO = Destination("https://example.org/topic", "hush")


def made(service, message=MESSAGE, picture=None, to=TO, **settings):
    return post(NotifyConfig(service=service, **settings), to, message, picture)


def decoded(header):
    return str(make_header(decode_header(header)))


def test_ntfy_gets_the_text_as_body_and_the_rest_as_headers():
    request = made("ntfy", link="https://example.org/page")
    assert (request.method, request.body.decode()) == ("POST", MESSAGE.text)
    assert request.headers["Title"] == "run-1: stuck"
    assert request.headers["Priority"] == "high"
    assert request.headers["Click"] == "https://example.org/page"
    assert request.headers["Authorization"] == "Bearer hush"


def test_ntfy_gets_a_picture_as_body_and_the_text_as_a_header():
    request = made("ntfy", picture=b"\x89PNG")
    assert (request.method, request.body) == ("PUT", b"\x89PNG")
    assert decoded(request.headers["Message"]) == MESSAGE.text


def test_headers_are_one_line_of_ascii_whatever_the_text():
    request = made("ntfy", Message("best", "Lauf\r\nX: 1", "ä" * 3000), picture=b"")
    for value in request.headers.values():
        assert value.isascii() and value.isprintable()
    assert decoded(request.headers["Title"]) == "Lauf\r\nX: 1"
    assert decoded(request.headers["Message"]) == "ä" * 3000


def test_discord_calls_nobody():
    request = made("discord", Message("stuck", "run-1: stuck", "@everyone look"))
    assert json.loads(request.body) == {
        "content": "**run-1: stuck**\n@everyone look",
        "allowed_mentions": {"parse": []},
    }


def test_discord_gets_a_picture_as_a_file_in_a_form():
    request = made("discord", picture=b"\x89PNG")
    kind, boundary = request.headers["Content-Type"].split("; boundary=")
    parts = request.body.split(f"--{boundary}".encode())
    assert kind == "multipart/form-data" and parts[-1] == b"--\r\n"
    assert b'name="payload_json"' in parts[1] and json.loads(parts[1].split(b"\r\n\r\n")[1])["content"]
    assert parts[2].split(b"\r\n\r\n")[1] == b"\x89PNG\r\n"


def test_webhook_gets_json():
    request = made("webhook", picture=b"\x89PNG", to=Destination(TO.url, None))
    values = json.loads(request.body)
    assert base64.b64decode(values.pop("picture")) == b"\x89PNG"
    assert values == {"event": "stuck", "title": "run-1: stuck", "text": MESSAGE.text, "urgent": True}
    assert "Authorization" not in request.headers


@pytest.mark.parametrize(("service", "longest"), [("ntfy", 3600), ("discord", 2000)])
def test_long_text_is_cut_to_what_the_service_takes(service, longest):
    body = made(service, Message("stuck", "run-1: stuck", "x" * 10_000)).body.decode()
    text = json.loads(body)["content"] if service == "discord" else body
    assert len(text) < longest and text.endswith("...")
