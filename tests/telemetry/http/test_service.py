"""Routes, answers, ports and the end of the service."""

import json
import threading

import pytest

from soulsai_core import ConfigError
from soulsai_telemetry.http import HttpService


def test_route_answers_with_its_headers(ask):
    status, body, headers = ask("GET", "/?a=1&a=2&b=x%20y&c=")
    assert (status, json.loads(body)) == (200, {"query": {"a": "2", "b": "x y"}})
    assert (headers["X-Always"], headers["Content-Type"]) == ("yes", "application/json")


def test_folder_route_covers_paths_directly_below_it(ask):
    assert ask("GET", "/files/a.css")[1] == b"/files/a.css"
    assert ask("GET", "/files/deep/a.css")[0] == 404


def test_head_is_answered_with_headers_alone(ask):
    status, body, headers = ask("HEAD", "/files/a")
    assert (status, body, headers["Content-Length"]) == (200, b"", "8")


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", "/nothing", 404), ("GET", "/echo/", 404), ("POST", "/", 405), ("PUT", "/", 405)],
)
def test_unknown_path_or_method_has_its_status_and_headers(ask, method, path, status):
    found, body, headers = ask(method, path)
    assert (found, headers["X-Always"]) == (status, "yes")
    assert json.loads(body)["error"]


def test_body_is_read_as_json(ask):
    assert json.loads(ask("POST", "/echo", b'{"a": [1]}')[1]) == {"a": [1]}
    assert json.loads(ask("POST", "/echo", b"null")[1]) is None
    assert json.loads(ask("POST", "/echo")[1]) == {}


def test_failure_of_a_handler_is_logged_and_hidden_from_the_reader(ask, caplog, eventually):
    status, body, headers = ask("GET", "/fail")
    assert (status, b"broken" in body, headers["X-Always"]) == (500, False, "yes")
    assert eventually(lambda: "broken" in caplog.text)


def test_stream_is_sent_to_its_end(ask):
    assert ask("GET", "/stream")[1] == b"ab"


def test_port_in_use_is_named_with_its_setting(service):
    expected = (
        rf"^the\.port is {service.port}, but that port cannot be opened at 127\.0\.0\.1 \(Address already in use\)"
    )
    with pytest.raises(ConfigError, match=expected):
        HttpService("127.0.0.1", service.port, [], section="the.")


@pytest.mark.parametrize("host", ["192.0.2.1", "2001:db8::1", "no name"])
def test_address_of_another_machine_is_named(host):
    with pytest.raises(ConfigError, match=f"at {host}"):
        HttpService(host, 0, [], section="the.")


def test_closing_twice_and_before_the_start_is_harmless(service):
    service.close()
    service.close()
    HttpService("127.0.0.1", 0, [], section="the.").close()


def test_close_frees_the_port_and_ends_the_thread(service, connect):
    connect()
    connect(b"GET /stream HTTP/1.1\r\nHost: localhost\r\n\r\n").recv(1)
    service.close()
    HttpService("127.0.0.1", service.port, [], section="the.").close()
    assert not any(thread.name == f"http-{service.port}" for thread in threading.enumerate())
