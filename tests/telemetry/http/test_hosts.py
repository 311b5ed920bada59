"""By which names a service may be asked."""

import socket

import pytest


@pytest.mark.parametrize(
    "name",
    ["localhost", "LOCALHOST:8081", "localhost.", "127.0.0.1:8081", "192.168.1.5", "[::1]:8081", "[2001:db8::1]"],
)
def test_service_is_asked_by_loopback_names_and_addresses(asked_as, name):
    assert asked_as(name) == (200, None)


def test_service_is_asked_by_the_names_of_its_machine_and_of_its_address(asked_as):
    machine = socket.gethostname()
    assert [asked_as(name)[0] for name in (machine, f"{machine.partition('.')[0]}.local:8081")] == [200, 200]
    assert asked_as("127.0.0.1", host="localhost")[0] == 200


@pytest.mark.parametrize(
    "name", ["evil.example", "localhost.evil.example", "evillocalhost", "127.0.0.1.evil.example:8081", "256.1.1.1"]
)
def test_request_for_a_foreign_name_is_refused_with_the_setting(asked_as, name):
    status, message = asked_as(name)
    assert status == 400
    assert (
        message
        == f"This server is not known as {name.partition(':')[0]}. If that is one of its names, add it to the.hosts."
    )


@pytest.mark.parametrize(
    "name", ["", "a b", "evil.example@localhost", "localhost/", "localhost:port", "[localhost]", "ü"]
)
def test_malformed_host_header_is_refused(asked_as, name):
    status, message = asked_as(name.encode())
    assert (status, message) == (400, "The request has no valid Host header.")


@pytest.mark.parametrize(
    ("hosts", "name", "status"),
    [
        (["Play.example.org"], "play.example.org:443", 200),
        (["play.example.org"], "www.play.example.org", 400),
        (["*.example.org"], "play.example.org", 200),
        (["*.example.org"], "example.org", 400),
        (["*.example.org"], "evilexample.org", 400),
        (["*"], "evil.example", 200),
    ],
)
def test_names_of_the_settings_are_accepted(asked_as, hosts, name, status):
    assert asked_as(name, hosts=hosts)[0] == status


def test_request_without_a_host_is_refused(connect):
    for version in (b"1.0", b"1.1"):
        assert b" 400 " in connect(b"GET / HTTP/" + version + b"\r\n\r\n").recv(100)
