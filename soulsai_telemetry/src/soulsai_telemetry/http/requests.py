"""Requests and answers in JSON, with limits of what a request may contain."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Mapping
from typing import Any

import msgspec
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from soulsai_core.app import UNREADABLE

# Bytes of a request's body. Grafana's queries have a few thousand.
_MAX_BODY = 2**18
# Lists and objects within each other. Grafana's queries have 5.
_MAX_DEPTH = 32
_TOO_DEEP = f"The body has more than {_MAX_DEPTH} lists and objects within each other."
# Seconds in which a body must have come.
_BODY_TIMEOUT = 10.0
# Of answers to requests whose body was not read to its end: the rest must not be taken for the next request.
_CLOSE = {"Connection": "close"}


class BadRequest(HTTPException):
    """The request makes no sense; the message says why, and the status is 400."""

    def __init__(self, message: str) -> None:
        super().__init__(400, message)


def json_response(value: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """An answer with this value as JSON, which is never cached."""
    fresh = {"Cache-Control": "no-store", **(headers or {})}
    return Response(msgspec.json.encode(value), status, fresh, "application/json")


def error_response(message: str, status: int = 400, headers: Mapping[str, str] | None = None) -> Response:
    """An answer with a sentence about what is wrong."""
    return json_response({"error": message}, status, headers)


def get_json(path: str, answer: Callable[[dict[str, str]], Any]) -> Route:
    """Answers GET at `path` with JSON. `answer` gets the last value of each query parameter, in a worker thread."""

    def endpoint(request: Request) -> Response:
        return json_response(answer({name: value for name, value in request.query_params.items() if value}))

    return Route(path, endpoint, methods=["GET"])


def post_json(path: str, answer: Callable[[Any], Any]) -> Route:
    """Answers POST at `path` with JSON. `answer` gets the body's value, {} for an empty body, in a worker thread."""

    async def endpoint(request: Request) -> Response:
        body = await request.body()
        return await run_in_threadpool(lambda: json_response(answer(_decode(body))))

    return Route(path, endpoint, methods=["POST"])


def number(values: Mapping[str, Any], name: str, default: float) -> float:
    """The number of this name, `default` if it is missing or empty. Raises BadRequest if it is something else."""
    value = values.get(name)
    if value in (None, ""):
        return default
    try:
        found = float(value)
    except (TypeError, ValueError, OverflowError):
        found = math.nan
    if math.isnan(found):
        raise BadRequest(f"{name} must be a number.")
    return found


class BodyLimit:
    """Reads each request's body before the application sees the request, and refuses what is too long or too slow."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            async with asyncio.timeout(_BODY_TIMEOUT):
                body = await _read(Request(scope, receive))
        except ClientDisconnect:
            return
        except TimeoutError:
            app: ASGIApp = error_response(f"The body did not come within {_BODY_TIMEOUT:g} s.", 408, _CLOSE)
        except BadRequest as error:
            app = error_response(error.detail, 400, _CLOSE)
        else:
            app = self._app
            receive = _repeated(body, receive)
        await app(scope, receive, send)


def _repeated(body: bytes, receive: Receive) -> Receive:
    """Receives a body that was read already, then what `receive` does."""
    unread = [body]

    async def repeat() -> Message:
        if unread:
            return {"type": "http.request", "body": unread.pop(), "more_body": False}
        return await receive()

    return repeat


async def _read(request: Request) -> bytes:
    too_long = BadRequest(f"The body is longer than {_MAX_BODY} bytes.")
    if int(request.headers.get("Content-Length") or 0) > _MAX_BODY:
        raise too_long
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > _MAX_BODY:
            raise too_long
    return bytes(body)


def _decode(body: bytes) -> Any:
    try:
        value = msgspec.json.decode(body) if body.strip() else {}
    except RecursionError as error:
        raise BadRequest(_TOO_DEEP) from error
    except UNREADABLE as error:
        raise BadRequest(f"The body is no JSON: {error}") from error
    if _is_deep(value):
        raise BadRequest(_TOO_DEEP)
    return value


def _is_deep(value: Any) -> bool:
    """True if lists and objects lie more than _MAX_DEPTH deep: parts are echoed, and encoding them is recursive."""
    level = [value]
    for _ in range(_MAX_DEPTH + 1):
        containers = [item for item in level if isinstance(item, dict | list)]
        if not containers:
            return False
        level = [child for item in containers for child in (item.values() if isinstance(item, dict) else item)]
    return True
