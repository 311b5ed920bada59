"""A small service, asked over real sockets."""

import http.client
import json
import socket

import pytest
from starlette.responses import PlainTextResponse, StreamingResponse
from starlette.routing import Route

from soulsai_telemetry.http import HttpService, get_json, post_json


async def read_file(request):
    return PlainTextResponse(request.url.path)


async def stream(request):
    async def chunks():
        yield b"a"
        yield b"b"

    return StreamingResponse(chunks())


def fail(query):
    raise RuntimeError("broken")


ROUTES = [
    get_json("/", lambda query: {"query": query}),
    post_json("/echo", lambda value: value),
    Route("/files/{name}", read_file),
    get_json("/fail", fail),
    get_json("/large", lambda query: "x" * 20_000_000),
    Route("/stream", stream),
]


@pytest.fixture
def serve():
    """Starts services, and closes them at the end."""
    made = []

    def serve(host="127.0.0.1", **options):
        made.append(HttpService(host, 0, ROUTES, section="the.", **options))
        made[-1].start()
        return made[-1]

    yield serve
    for service in made:
        service.close()


@pytest.fixture
def service(serve):
    return serve(headers={"X-Always": "yes"})


def ask_service(service, method, path, body=None, headers=None):
    """Status, body and headers of the answer."""
    connection = http.client.HTTPConnection("127.0.0.1", service.port, timeout=60)
    try:
        connection.request(method, path, body, headers or {})
        answer = connection.getresponse()
        return answer.status, answer.read(), answer.headers
    finally:
        connection.close()


@pytest.fixture
def ask(service):
    return lambda *words, **options: ask_service(service, *words, **options)


@pytest.fixture
def asked_as(serve):
    """Status and message of the answer to a request for this name, from a service with these options."""

    def asked_as(name, **options):
        status, body, _ = ask_service(serve(**options), "GET", "/", headers={"Host": name})
        return status, json.loads(body).get("error")

    return asked_as


@pytest.fixture
def connect(service):
    """Opens connections to the service, which are closed at the end."""
    opened = []

    def connect(sent=b""):
        opened.append(socket.create_connection(("127.0.0.1", service.port), timeout=60))
        opened[-1].sendall(sent)
        return opened[-1]

    yield connect
    for connection in opened:
        connection.close()
