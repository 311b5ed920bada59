"""What the page and the connectors serve over HTTP: starlette's routes, uvicorn's server, and limits for both."""

from soulsai_telemetry.http.requests import BadRequest, get_json, json_response, number, post_json
from soulsai_telemetry.http.service import HttpService

__all__ = ["BadRequest", "HttpService", "get_json", "json_response", "number", "post_json"]
