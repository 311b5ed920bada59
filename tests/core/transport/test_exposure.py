"""A public address needs TLS and a password."""

import pytest

from soulsai_core.errors import ConfigError
from soulsai_core.transport.address import parse_address
from soulsai_core.transport.exposure import is_public, refuse_exposed


@pytest.mark.parametrize(
    "host",
    [
        "8.8.8.8",
        "0.0.0.0",
        "::",
        "2001:4860:4860::8888",
        "::ffff:8.8.8.8",
        "100.64.0.1",
        "169.254.1.1",
        "fe80::1%eth0",
        "192.0.0.1",
        "198.18.0.1",
        "203.0.113.1",
    ],
)
def test_public_addresses(host):
    assert is_public(host)


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "::1", "10.1.2.3", "192.168.1.5", "172.20.0.2", "fd00::1", "localhost"]
)  # fmt: skip
def test_addresses_of_this_machine_and_of_private_networks_are_not_public(host):
    assert not is_public(host)


def test_host_with_one_public_address_is_public_and_an_unknown_one_is_not():
    assert is_public("h", lambda _: ["10.0.0.1", "8.8.8.8"])
    assert not is_public("h", lambda _: [])


@pytest.mark.parametrize(
    ("address", "password", "missing"),
    [
        ("redis://8.8.8.8", None, "TLS and a password are missing"),
        ("redis://8.8.8.8", "word", "TLS is missing"),
        ("rediss://8.8.8.8", None, "a password is missing"),
    ],
)
def test_public_address_without_tls_or_password_is_refused(address, password, missing):
    with pytest.raises(ConfigError, match=f"8.8.8.8:6379 is a public address, and {missing}"):
        refuse_exposed(parse_address(address), password)


@pytest.mark.parametrize("address", ["rediss://8.8.8.8", "redis://10.0.0.1", "unix:///tmp/socket"])
def test_private_addresses_and_public_ones_with_tls_and_password_pass(address):
    refuse_exposed(parse_address(address), "word")
    if not address.startswith("rediss"):
        refuse_exposed(parse_address(address), None)


def test_further_networks_are_private_where_a_setting_names_them():
    assert not is_public("100.64.0.1", private=["100.64.0.0/10"])
    assert is_public("8.8.8.8", private=["100.64.0.0/10"])
    refuse_exposed(parse_address("redis://100.100.1.1"), None, private=["100.64.0.0/10"])
