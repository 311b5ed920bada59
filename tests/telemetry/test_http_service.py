"""The small HTTP server, over real sockets."""

import http.client
import json
import socket
import threading

import pytest

from soulsai_core import ConfigError
from soulsai_telemetry.http_service import HttpService, Response


@pytest.fixture
def service():
    def fail(request):
        raise RuntimeError("broken")

    routes = {
        ("GET", "/"): lambda request: Response.json({"query": request.query}),
        ("POST", "/echo"): lambda request: Response.json(request.json()),
        ("GET", "/files/*"): lambda request: Response(request.path.encode(), "text/plain"),
        ("GET", "/fail"): fail,
        ("GET", "/stream"): lambda request: Response(kind="text/plain", stream=iter([b"a", b"b"])),
    }
    made = HttpService("127.0.0.1", 0, routes, setting="the.port", headers={"X-Always": "yes"})
    made.start()
    yield made
    made.close()


@pytest.fixture
def ask(service):
    def ask(method, path, body=None, headers=None):
        connection = http.client.HTTPConnection("127.0.0.1", service.port, timeout=60)
        connection.request(method, path, body, headers or {})
        answer = connection.getresponse()
        return answer.status, answer.read(), answer.headers

    return ask


def test_route_answers_with_its_headers(ask):
    status, body, headers = ask("GET", "/?a=1&a=2&b=x%20y")
    assert (status, json.loads(body)) == (200, {"query": {"a": "2", "b": "x y"}})
    assert (headers["X-Always"], headers["Content-Type"]) == ("yes", "application/json")


def test_folder_route_covers_paths_directly_below_it(ask):
    assert ask("GET", "/files/a.css")[1] == b"/files/a.css"
    assert ask("GET", "/files/deep/a.css")[0] == 404


def test_head_is_answered_with_headers_alone(ask):
    status, body, headers = ask("HEAD", "/files/a")
    assert (status, body, headers["Content-Length"]) == (200, b"", "8")


@pytest.mark.parametrize(
    ("method", "path", "status"), [("GET", "/nothing", 404), ("POST", "/", 405), ("PUT", "/", 501)]
)
def test_unknown_path_or_method_has_its_status(ask, method, path, status):
    assert ask(method, path)[0] == status


def test_body_is_read_as_json(ask):
    assert json.loads(ask("POST", "/echo", b'{"a": [1]}')[1]) == {"a": [1]}
    assert json.loads(ask("POST", "/echo")[1]) == {}


@pytest.mark.parametrize("body", [b"{", b"\xff", b"nope"])
def test_body_that_is_no_json_is_a_bad_request(ask, body):
    status, answer, _ = ask("POST", "/echo", body)
    assert (status, "no JSON" in json.loads(answer)["error"]) == (400, True)


@pytest.mark.parametrize("length", ["-1", "99999999", "many"])
def test_body_without_a_plausible_length_is_rejected(ask, length):
    assert ask("POST", "/echo", b"", {"Content-Length": length})[0] == 400


def test_failure_of_a_handler_is_logged_and_hidden_from_the_reader(ask, caplog):
    status, body, _ = ask("GET", "/fail")
    assert (status, b"broken" in body, "broken" in caplog.text) == (500, False, True)


def test_stream_is_sent_to_its_end(ask):
    assert ask("GET", "/stream")[1] == b"ab"


def test_port_in_use_is_named_with_its_setting(service):
    with pytest.raises(ConfigError, match=rf"the\.port is {service.port}, but that port cannot be opened"):
        HttpService("127.0.0.1", service.port, {}, setting="the.port")


def test_address_of_another_machine_is_named():
    with pytest.raises(ConfigError, match=r"at 192\.0\.2\.1"):
        HttpService("192.0.2.1", 0, {}, setting="the.port")


def test_silent_connections_do_not_block_others(service, ask):
    idle = [socket.create_connection(("127.0.0.1", service.port)) for _ in range(60)]
    try:
        assert ask("GET", "/")[0] == 200
    finally:
        for connection in idle:
            connection.close()


def test_closing_twice_and_before_the_start_is_harmless(service):
    service.close()
    service.close()
    HttpService("127.0.0.1", 0, {}, setting="x").close()


def test_close_frees_the_port_and_ends_the_thread(service):
    service.close()
    HttpService("127.0.0.1", service.port, {}, setting="x").close()
    assert not any(thread.name == f"http-{service.port}" for thread in threading.enumerate())
