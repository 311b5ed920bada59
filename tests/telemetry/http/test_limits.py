"""What slow, silent, large and malformed requests do to the service, and to others."""

import json
import socket

import pytest

from soulsai_telemetry.http import connection, requests

HEAD = b"GET / HTTP/1.1\r\nHost: localhost\r\n"
POST = b"POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n"


def closed(line):
    """Read to the end; True once the service has closed the connection."""
    try:
        while line.recv(65536):
            pass
    except ConnectionError:
        pass
    return True


# -- connections


@pytest.mark.parametrize(
    "sent", [b"", HEAD, POST % 100 + b"{", HEAD + b"\r\n"], ids=["silent", "head", "body", "answered"]
)
def test_idle_connections_beyond_the_limit_do_not_keep_others_out(connect, ask, sent):
    for _ in range(connection._MAX_CONNECTIONS + 10):
        connect(sent)
    assert ask("GET", "/")[0] == 200


@pytest.mark.parametrize("header", [b"", b"Connection: close\r\n"])
def test_answer_that_is_being_read_is_not_cut_for_a_new_connection(connect, monkeypatch, header):
    monkeypatch.setattr(connection, "_MAX_CONNECTIONS", 2)
    reader = connect(b"GET /large HTTP/1.1\r\nHost: localhost\r\n" + header + b"\r\n")
    received = len(reader.recv(100))
    silent = [connect() for _ in range(5)]
    assert all(closed(line) for line in silent[:-1])
    while received < 20_000_000:
        received += len(reader.recv(65536))


@pytest.mark.parametrize("sent", [b"", b"GET", HEAD], ids=["silent", "half a line", "half a head"])
def test_connection_without_a_request_is_cut(connect, monkeypatch, sent):
    monkeypatch.setattr(connection, "_HEAD_TIMEOUT", 0.2)
    assert closed(connect(sent))


def test_byte_after_byte_does_not_delay_the_deadline_of_a_request(connect, monkeypatch, eventually):
    monkeypatch.setattr(connection, "_HEAD_TIMEOUT", 1.0)
    line = connect(HEAD + b"\r\n")
    assert line.recv(1000).startswith(b"HTTP/1.1 200")
    line.sendall(HEAD)

    def is_cut():
        try:
            line.sendall(b"X")
        except ConnectionError:
            return True
        return False

    eventually(is_cut, pause=0.1)


def test_request_is_answered_however_long_it_takes_after_its_head(connect, monkeypatch):
    monkeypatch.setattr(connection, "_HEAD_TIMEOUT", 0.2)
    line = connect(POST % 2 + b"{")
    with pytest.raises(TimeoutError):
        line.settimeout(0.5)
        line.recv(1)
    line.settimeout(60)
    line.sendall(b"}")
    assert line.recv(1000).startswith(b"HTTP/1.1 200")


def test_reader_that_takes_nothing_is_cut(connect, monkeypatch, ask, eventually):
    monkeypatch.setattr(connection, "_WRITE_TIMEOUT", 0.2)
    line = connect()
    line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    line.sendall(b"GET /large HTTP/1.1\r\nHost: localhost\r\n\r\n")

    def is_cut():
        try:
            line.sendall(b"G")
        except ConnectionError:
            return True
        return False

    assert eventually(is_cut, pause=0.1)
    assert ask("GET", "/")[0] == 200


def test_two_requests_in_one_packet_are_both_answered(connect):
    line = connect(HEAD + b"\r\n" + HEAD + b"Connection: close\r\n\r\n")
    received = b""
    while chunk := line.recv(65536):
        received += chunk
    assert received.count(b"HTTP/1.1 200") == 2


# -- bodies


@pytest.mark.parametrize("body", [b"{", b"\xff", b'"\xff"', b"nope", b'"\\ud800"', b"1e999", b"NaN"])
def test_body_that_is_no_json_is_a_bad_request(ask, body):
    status, answer, _ = ask("POST", "/echo", body)
    assert (status, "no JSON" in json.loads(answer)["error"]) == (400, True)


@pytest.mark.parametrize("depth", [33, 500, 100_000])
@pytest.mark.parametrize(("start", "end"), [("[", "]"), ('{"a":', "}")])
def test_deep_body_is_a_bad_request(ask, depth, start, end):
    depth = min(depth, requests._MAX_BODY // 8)
    status, answer, _ = ask("POST", "/echo", start * (depth - 1) + "[]" + end * (depth - 1))
    assert (status, "within each other" in json.loads(answer)["error"]) == (400, True)


def test_body_at_the_limit_of_depth_is_read(ask):
    assert json.loads(ask("POST", "/echo", "[" * 32 + "]" * 32)[1])


@pytest.mark.parametrize("length", ["-1", "99999999", "many", "9" * 5000])
def test_body_without_a_plausible_length_is_rejected(ask, length):
    assert ask("POST", "/echo", b"", {"Content-Length": length})[0] == 400


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_body_whose_chunks_are_too_long_together_is_rejected(ask, method):
    status, answer, headers = ask(method, "/echo", iter([b" " * 2**16] * 5))
    assert (status, headers["Connection"]) == (400, "close")
    assert json.loads(answer)["error"] == "The body is longer than 262144 bytes."


def test_body_that_does_not_come_ends_the_request(connect, monkeypatch):
    monkeypatch.setattr(requests, "_BODY_TIMEOUT", 0.2)
    line = connect(POST % 100 + b"{")
    assert line.recv(1000).startswith(b"HTTP/1.1 408")
    assert closed(line)


@pytest.mark.parametrize("sent", [b"\x16\x03\x01\x02", b"\r\n" * 3, b"NONSENSE\r\n\r\n", b"GET /" + b"x" * 100_000])
def test_what_is_no_request_is_refused_and_not_logged(connect, caplog, monkeypatch, sent):
    monkeypatch.setattr(connection, "_HEAD_TIMEOUT", 0.2)
    assert closed(connect(sent))
    assert caplog.text == ""
