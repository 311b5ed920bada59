"""The share of an honest contributor's rate that is left while a hostile one, or strangers, attack the server.

Server, training node and the honest client are real processes, as `soulsai init`, `training-node` and
`soulsai-client join` make them; without TLS unless asked, since it costs attackers as much as the server. Each attack
is a process, and has a node of its own. Rates are rows admitted per second, before and during the attack, in one run.
"""

from __future__ import annotations

import argparse
import itertools
import os
import socket
import ssl
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import numpy as np

from benchmarks.common import Row, read_status, run_alone, say, soulsai, wait_until
from soulsai_core import Announcement, Episode, StepBatch
from soulsai_core.app import EmbeddedServer
from soulsai_core.assembly.connecting import accept, connect_to
from soulsai_core.config import read_secret
from soulsai_core.contributors.initialize import initialize
from soulsai_core.contributors.invitation import Invitation, read_invitation
from soulsai_core.contributors.redis_inbox import inboxes_of
from soulsai_core.contributors.rules import stream_of
from soulsai_core.contributors.statistics import decode_statistics
from soulsai_core.contributors.users import Users
from soulsai_core.messages import Progress
from soulsai_core.transport.address import parse_address
from soulsai_core.transport.embedded import Endpoint
from soulsai_core.transport.redis import RedisTransport
from soulsai_core.wire import encode_steps

COMMAND = "python -m benchmarks.attacks"
SETTINGS = (
    "environment.config.id=benchmarks.paced_cart_pole:CartPole100Hz-v0",
    "algorithm.config.hidden=[32]",
    "algorithm.config.learning_starts=500",
    "telemetry.enabled=false",
)
CONNECTIONS = 28
CROWD = 5000
"""More connections than the server takes."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--seconds", type=float, default=15.0, help="length of each of the two measurements")
    parser.add_argument("--only", choices=ATTACKS, nargs="+", default=list(ATTACKS), help="these attacks alone")
    parser.add_argument("--tls", action="store_true", help="over TLS, with a server that speaks it")
    parser.add_argument("--attack", nargs=2, metavar=("NAME", "INVITATION"), help=argparse.SUPPRESS)


def measure(args: argparse.Namespace) -> list[Row]:
    return [row for name in args.only for row in _measure(name, args.seconds, tls=args.tls)]


def _measure(name: str, seconds: float, *, tls: bool) -> list[Row]:
    say(f"{name} ...")
    with tempfile.TemporaryDirectory() as folder, _hosted(Path(folder), tls=tls) as host:
        before = host.rate(seconds)
        attacker = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.attacks", "--attack", name, host.invitation("mallory").line()]
        )
        try:
            during = host.rate(seconds)
        finally:
            attacker.kill()
            attacker.wait()
        note = host.verdict()
    shown = f"{before:.0f}/s before, {during:.0f}/s during; {note}"
    return [Row(f"{name}: the other's rate", 100 * during / before, 80, "%", COMMAND, note=shown)]


# -- the host


@dataclass
class _Host:
    """A hosted training with one honest client."""

    address: str
    transport: RedisTransport
    users: Users
    authority: str | None = None
    highest: int = 0

    def invitation(self, name: str) -> Invitation:
        """Invite a contributor."""
        return Invitation(self.address, "main", name, self.users.invite(name), self.authority)

    def admitted(self) -> int:
        """Rows of the honest client."""
        self.highest = max(self.highest, self.transport.link.client.info("memory")["used_memory"])
        clients = read_status(self.transport).clients
        return sum(client.admitted for client in clients if client.info.id.startswith("honest@"))

    def rate(self, seconds: float) -> float:
        """Its rows per second."""
        rows, began = self.admitted(), time.monotonic()
        last = rows
        while (elapsed := time.monotonic() - began) < seconds:
            time.sleep(0.25)
            # A client whose heartbeats are late leaves the status for a moment.
            last = max(last, self.admitted())
        return (last - rows) / elapsed

    def verdict(self) -> str:
        """What the node did about the attacker."""
        payload = inboxes_of(self.transport).read_statistics()
        found = decode_statistics(payload).get("mallory") if payload else None
        rejected = found.rejected if found is not None else {}
        suspensions = found.suspensions if found is not None else 0
        return f"{suspensions} suspensions, rejected {rejected}, server {self.highest / 2**20:.0f} MB at most"


@contextmanager
def _hosted(folder: Path, *, tls: bool) -> Iterator[_Host]:
    config = folder / "config"
    for _ in initialize(config, [], datetime.now(UTC)):
        pass  # it writes while it is iterated
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    password = read_secret(config / "redis.secret", {})
    pair = (config / "tls" / "redis.crt", config / "tls" / "redis.key") if tls else None
    with EmbeddedServer(endpoint=Endpoint(port, tls=pair, users=config / "acl" / "users.acl")):
        authority = config / "tls" / "ca.crt" if tls else None
        scheme = "rediss" if tls else "redis"
        transport = connect_to(
            f"{scheme}://server@127.0.0.1:{port}", "main", password, ca_file=str(authority) if authority else None
        )
        text = authority.read_text(encoding="ascii") if authority else None
        host = _Host(f"{scheme}://127.0.0.1:{port}", transport, Users(transport), text)
        try:
            with _processes(folder, host):
                yield host
        finally:
            transport.close()


@contextmanager
def _processes(folder: Path, host: _Host) -> Iterator[None]:
    """A training node and an honest client, once its rows are learned from."""
    os.environ["SOULSAI_REDIS__ADDRESS"] = host.address.replace("://", "://server@")
    os.environ["SOULSAI_REDIS__CA_FILE"] = str(folder / "config" / "tls" / "ca.crt")
    os.environ["SOULSAI_REDIS__SECRET_FILE"] = str(folder / "config" / "redis.secret")
    settings = [*SETTINGS, f"run.saves={folder / 'saves'}"]
    children = [soulsai("training-node", *(word for setting in settings for word in ("--set", setting)))]
    try:
        wait_until(lambda: host.transport.read_status() is not None, 120, 0.1)
        (folder / "honest.join").write_text(host.invitation("honest").line() + "\n")
        children.append(soulsai("client", "join", str(folder / "honest.join")))
        wait_until(lambda: host.admitted() > 600, 120, 0.1)
        yield
    finally:
        for child in reversed(children):
            child.terminate()
        for child in children:
            child.wait(60)


# -- the attacks, each in a process of its own


def _sockets(first: bytes, more: bytes) -> Callable[[Invitation], None]:
    """Send bytes over many connections, and read nothing."""

    def attack(invitation: Invitation) -> None:
        connections: list[socket.socket] = []
        while True:
            with suppress(OSError):
                while len(connections) < CONNECTIONS:
                    connections.append(_authenticated(invitation))
                    send(connections[-1], first)
            connections = [connection for connection in connections if send(connection, more)]
            time.sleep(0.02)

    return attack


def _authenticated(invitation: Invitation) -> socket.socket:
    address = parse_address(invitation.address)
    connection = socket.create_connection((address.host, address.port), 5)
    if address.tls:
        context = ssl.create_default_context(cadata=invitation.authority)
        connection = context.wrap_socket(connection, server_hostname=address.host)
    connection.sendall(f"AUTH {invitation.run}:{invitation.name} {invitation.password}\r\n".encode())
    if not connection.recv(100).startswith(b"+OK"):
        raise ConnectionError
    connection.settimeout(0.2)
    return connection


def send(connection: socket.socket, data: bytes) -> bool:
    """Send bytes as far as the server takes them, and read nothing. False once it has cut the connection."""
    try:
        connection.sendall(data)
    except TimeoutError:
        return True
    except OSError:
        return False
    return True


def _entries(invitation: Invitation, entries: Iterator[tuple[bytes, bytes]], pipelined: int) -> None:
    """Append entries to the own inbox as fast as the server takes them."""
    inbox = stream_of(invitation.run, invitation.name)
    while True:
        with suppress(Exception):
            transport = accept(invitation)
            assert isinstance(transport, RedisTransport)
            while True:
                pipe = transport.link.client.pipeline(transaction=False)
                for kind, payload in itertools.islice(entries, pipelined):
                    pipe.xadd(inbox, {kind: payload})
                pipe.execute()
        time.sleep(0.05)


def _announced(invitation: Invitation) -> tuple[RedisTransport, Announcement]:
    transport = accept(invitation)
    assert isinstance(transport, RedisTransport)
    payload = transport.read_config()
    assert payload is not None
    return transport, msgspec.json.decode(payload, type=Announcement)


def _reports(invitation: Invitation) -> None:
    _, announced = _announced(invitation)
    metrics = {f"m{number:02}{'x' * 100}": 1.0 for number in range(32)}
    client = f"{invitation.name}@pc"

    def entries() -> Iterator[tuple[bytes, bytes]]:
        for number in itertools.count(1):
            episode = Episode(f"{client}-{number}", client, 1.0, 3, 0, 1.0, True, metrics, announced.run_id)
            yield b"e", msgspec.json.encode(episode)

    _entries(invitation, entries(), 50)


def _rows(invitation: Invitation) -> None:
    """Fresh, valid rows, far beyond the window."""
    transport, announced = _announced(invitation)
    client = f"{invitation.name}@pc"
    rows = 64
    columns = {name: np.zeros((rows, *spec.shape), spec.dtype) for name, spec in announced.columns.items()}
    after = {name: columns[name][:1] for name in announced.spec.observations}

    def entries() -> Iterator[tuple[bytes, bytes]]:
        for number in itertools.count(1):
            if number % 20 == 1:
                with suppress(Exception):
                    iteration = msgspec.msgpack.decode(transport.read_progress() or b"", type=Progress).iteration
            steps = StepBatch(np.array([[0, number * rows, rows, iteration, 0, 1, 0]]), columns, after)
            yield b"s", encode_steps(announced.run_id, client, number, steps)

    _entries(invitation, entries(), 20)


def _fields(invitation: Invitation) -> None:
    """Every two seconds an entry of a million fields."""
    inbox = stream_of(invitation.run, invitation.name)
    begin = f"*2000003\r\n$4\r\nXADD\r\n${len(inbox)}\r\n{inbox}\r\n$1\r\n*\r\n".encode()
    while True:
        with suppress(OSError), _authenticated(invitation) as connection:
            connection.settimeout(10)
            connection.sendall(begin + b"$1\r\nx\r\n" * 2_000_000)
            connection.recv(100)
        time.sleep(2.0)


def _crowd(invitation: Invitation) -> None:
    """Strangers: silent connections, more than the server takes, opened again when they are cut."""
    address = parse_address(invitation.address)
    crowd: list[socket.socket] = []
    while True:
        with suppress(OSError):
            while len(crowd) < CROWD:
                crowd.append(socket.create_connection((address.host, address.port), 5))
                crowd[-1].setblocking(False)
        time.sleep(0.05)
        crowd = [connection for connection in crowd if _is_open(connection)]


def _is_open(connection: socket.socket) -> bool:
    try:
        if connection.recv(100):
            return True
    except BlockingIOError:
        return True
    except OSError:
        pass
    connection.close()
    return False


ATTACKS: dict[str, Callable[[Invitation], None]] = {
    "replies": _sockets(b"", b"HGET soulsai:main:model payload\r\n" * 5000),
    "commands": _sockets(b"*30000000\r\n$4\r\nXADD\r\n", b"$1\r\nx\r\n" * 200_000),
    "reports": _reports,
    "rows": _rows,
    "fields": _fields,
    "crowd": _crowd,
}
"""Unread replies, unfinished commands, episode reports, rows beyond the window, entries of a million fields, and
connections without a password."""


if __name__ == "__main__":
    if "--attack" in sys.argv:
        name, line = sys.argv[2:4]
        with suppress(KeyboardInterrupt):
            ATTACKS[name](read_invitation(line))
    else:
        run_alone(measure, add_arguments, __doc__)
