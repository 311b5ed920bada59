"""Addresses are read in all their forms. Other text is refused without repeating a password."""

import pytest

from soulsai_core.errors import ConfigError
from soulsai_core.transport.address import Address, parse_address


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("localhost", Address(host="localhost")),
        (" example.org:7000\n", Address(host="example.org", port=7000)),
        ("[::1]", Address(host="::1")),
        ("[::1]:7000", Address(host="::1", port=7000)),
        ("redis://example.org", Address(host="example.org")),
        (
            "redis://me:p%40ss@example.org:1/2",
            Address(host="example.org", port=1, database=2, username="me", password="p@ss"),
        ),
        ("redis://:secret@example.org", Address(host="example.org", password="secret")),
        ("rediss://example.org:7000", Address(host="example.org", port=7000, tls=True)),
        ("unix:///run/my%20redis/socket", Address(path="/run/my redis/socket")),
    ],
)
def test_address_is_read_in_all_its_forms(text, address):
    assert parse_address(text) == address


@pytest.mark.parametrize(
    "text",
    [
        "",
        "   ",
        ":6379",
        "host:port",
        "host:70000",
        "host:0",
        "host:-1",
        "::1",
        "[::1",
        "a b",
        "/run/redis/socket",
        "http://host",
        "redis://",
        "redis://host/name",
        "redis://host?db=1",
        "unix://relative/socket",
        "unix:///",
    ],
)
def test_text_that_is_no_address_is_refused_with_the_forms_of_addresses(text):
    with pytest.raises(ConfigError, match=r"is not the address of a Redis server: .* Write HOST"):
        parse_address(text)


def test_refused_address_is_shown_without_its_password():
    with pytest.raises(ConfigError) as caught:
        parse_address("redis://me:hunter2@host:70000")
    assert "hunter2" not in str(caught.value) and "redis://host:70000" in str(caught.value)


@pytest.mark.parametrize(
    "password", ["s3c#ret", "s3c/ret", "s3c?ret", "s3c@r#et", "s3c:r/et", "s3c r#et", "s3c[ret", "1#s3c"]
)
@pytest.mark.parametrize("user", ["", "me"])
def test_password_that_breaks_its_address_is_not_repeated_and_its_characters_are_named(user, password):
    with pytest.raises(ConfigError) as caught:
        parse_address(f"redis://{user}:{password}@host:6379")
    assert "s3c" not in str(caught.value) and "%23" in str(caught.value) and "redis://host:6379" in str(caught.value)


@pytest.mark.parametrize("password", ["a b", "a:b", "a@b", "a%23b"])
def test_password_with_other_odd_characters_is_read(password):
    assert parse_address(f"redis://me:{password}@host").password == password.replace("%23", "#")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("redis://me:secret@host/1", "host:6379"),
        ("[::1]:7000", "[::1]:7000"),
        ("unix:///run/socket", "/run/socket"),
    ],
)
def test_address_is_shown_without_user_and_password(text, shown):
    assert str(parse_address(text)) == shown
    assert "secret" not in repr(parse_address(text))
