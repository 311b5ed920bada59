"""What anyone can do who reaches the server's port and has no invitation: next to nothing."""

from __future__ import annotations

import socket

import pytest
from waiting import DEADLINE_S

pytestmark = pytest.mark.stack


@pytest.fixture
def stranger(new_host):
    """A host, and a connection without a password to its server."""
    host = new_host()
    with socket.create_connection(("127.0.0.1", host.port), DEADLINE_S) as connection:
        yield host, connection


def answer_to(connection, data):
    """What the server says to these bytes; b"" once it has closed the connection."""
    try:
        connection.sendall(data)
        return connection.recv(4096)
    except ConnectionError:
        return b""


@pytest.mark.parametrize("user", ["health", "default", "server", "telemetry", "main:local", ""])
def test_no_user_can_enter_without_its_password(stranger, user):
    host, connection = stranger
    for password in ("", "x", user):
        assert answer_to(connection, f'AUTH "{user}" "{password}"\r\n'.encode()).startswith(b"-")
    assert answer_to(connection, b"PING\r\n").startswith(b"-NOAUTH")
    users = host.transport._client.execute_command("ACL", "USERS")
    lines = (host.config / "acl" / "users.acl").read_text().splitlines()
    assert len(users) == len(lines) and not any("nopass" in line.split() for line in lines)


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"*3000000\r\n" + b"$1\r\nx\r\n" * 100_000, id="a command of millions of words"),
        pytest.param(b"*2\r\n$4\r\nPING\r\n$100000000\r\n" + b"x" * 100_000, id="a word of 100 MB"),
        pytest.param(b"x" * 200_000, id="a line without an end"),
        pytest.param(b"AUTH server x\r\n" * 20_000 + b"*3000000\r\n", id="after wrong passwords"),
    ],
)
def test_unfinished_command_of_a_stranger_is_cut_before_it_takes_memory(stranger, data):
    host, connection = stranger
    client = host.transport._client
    before = client.info("memory")["used_memory"]
    for _ in range(20):
        try:
            connection.sendall(data)
        except ConnectionError:
            break
    assert client.info("memory")["used_memory"] - before < 4 * 2**20
    connection.settimeout(DEADLINE_S)
    while answer_to(connection, b""):
        pass
