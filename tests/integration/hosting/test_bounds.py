"""What a contributor takes of the server is bounded in sum, over all its connections, while others contribute."""

from __future__ import annotations

import contextlib
import os
import socket
import stat
import subprocess
import sys
import threading
import time

import pytest
import redis
from benchmarks.attacks import send
from waiting import DEADLINE_S, wait_for
from written_meanwhile import of_each_path

from soulsai_core.contributors.inbox import EPISODE
from soulsai_core.errors import SoulsAIError

pytestmark = pytest.mark.stack

CONNECTIONS = 28


def authenticated(contributor, port):
    """A connection with a contributor's credential, over which any bytes may be sent."""
    connection = socket.create_connection(("127.0.0.1", port), DEADLINE_S)
    connection.sendall(f"AUTH main:{contributor.name} {contributor.password}\r\n".encode())
    connection.settimeout(0.2)
    with contextlib.suppress(OSError):
        connection.recv(1024)
    return connection


ATTACKS = {
    "unread replies": (b"", b"HGET soulsai:main:model payload\r\n" * 5000),
    "unfinished commands": (b"*30000000\r\n$4\r\nXADD\r\n", b"$1\r\nx\r\n" * 200_000),
    "unfinished words": (b"*5\r\n$4\r\nXADD\r\n$60000000\r\n", b"x" * 3_000_000),
}
"""What each connection sends first, and then again and again."""


@pytest.fixture
def attack(hosted):
    """(contributor, first, more) -> sends them over many connections in a thread, until the test ends."""
    host, _ = hosted
    ended = threading.Event()
    threads = []

    def repeat(contributor, first, more):
        connections = []
        while not ended.is_set():
            connections = [connection for connection in connections if send(connection, more)]
            with contextlib.suppress(OSError):
                while len(connections) < CONNECTIONS:
                    connections.append(authenticated(contributor, host.port))
                    send(connections[-1], first)
            ended.wait(0.02)
        for connection in connections:
            connection.close()

    def start(contributor, first, more):
        threads.append(threading.Thread(target=repeat, args=(contributor, first, more), daemon=True))
        threads[-1].start()

    yield start
    ended.set()
    for thread in threads:
        thread.join(DEADLINE_S)


@pytest.mark.parametrize("kind", ATTACKS)
def test_connections_that_fill_the_server_are_cut_and_attributed_while_others_contribute(hosted, attack, kind):
    host, node = hosted
    name = kind.replace(" ", "-")
    honest = host.invite(f"honest-{name}").read_announcement()
    mallory = host.invite(name)
    attack(mallory, *ATTACKS[kind])
    most, sent = 0, 0

    def suspended():
        nonlocal most, sent
        node.assert_running()
        if sent < 50:
            honest.transport.push_samples([honest.message()])
            sent += 1
        most = max(most, host.transport._client.info("memory")["used_memory"])
        return host.contribution(name).suspensions

    wait_for("a suspension", suspended)
    wait_for("the other's samples", lambda: host.contribution(honest.name).samples == 4 * sent)
    assert host.contribution(name).rejected["connections"]
    assert most < 500 * 2**20, f"{most / 2**20:.0f} MB: the server has room for all others"
    assert host.contribution(honest.name).rejected == {}


def test_silent_connections_of_strangers_are_cut_and_the_host_gets_through(hosted, run_here, monkeypatch):
    host, node = hosted
    for name, value in host.variables().items():
        monkeypatch.setenv(name, value)
    host.invite("silent")
    client = host.transport._client
    connections = [socket.create_connection(("127.0.0.1", host.port), DEADLINE_S) for _ in range(600)]
    strangers = lambda: client.execute_command("CLIENT", "LIST").count(b"user=default")  # noqa: E731
    started = time.monotonic()
    wait_for("the oldest to be cut", lambda: strangers() <= 300)
    assert "silent was disconnected" in run_here("revoke", "silent")
    wait_for("all to be cut", lambda: strangers() == 0)
    assert time.monotonic() - started < 60
    node.assert_running()
    for connection in connections:
        connection.close()


def test_entries_of_a_million_fields_are_refused_and_their_sender_is_suspended(hosted):
    host, node = hosted
    honest = host.invite("honest-fields").read_announcement()
    mallory = host.invite("fields")
    words = b"$1\r\nx\r\n" * 2_000_000
    with contextlib.suppress(OSError), authenticated(mallory, host.port) as connection:
        connection.settimeout(DEADLINE_S)
        command = f"*2000003\r\n$4\r\nXADD\r\n${len(mallory.inbox)}\r\n{mallory.inbox}\r\n$1\r\n*\r\n"
        connection.sendall(command.encode() + words)
        connection.recv(100)
    wait_for("a suspension", lambda: host.contribution("fields").suspensions)
    assert host.contribution("fields").rejected.keys() <= {"fields", "connections"}
    honest.transport.push_samples([honest.message()])
    wait_for("the other's samples", lambda: host.contribution("honest-fields").samples == 4)
    node.assert_running()


def test_as_many_large_messages_as_may_wait_are_read_in_parts(hosted):
    host, node = hosted
    senders = [host.invite(f"large-{number}") for number in range(4)]
    before = len(node.output)
    for sender in senders:
        for _ in range(12):
            sender.do("XADD", sender.inbox, "*", "s", b"x" * (4 * 2**20))
    for sender in senders:
        wait_for("all to be judged", lambda sender=sender: sum(host.contribution(sender.name).rejected.values()) >= 12)
    node.assert_running()
    output = node.output[before:]
    assert "closed" not in output and "Trying again" not in output


CROWD = """
import socket, sys, time
from contextlib import suppress
port, count = int(sys.argv[1]), int(sys.argv[2])
crowd = []
while True:
    with suppress(OSError):
        while len(crowd) < count:
            crowd.append(socket.create_connection(("127.0.0.1", port), 5))
            crowd[-1].setblocking(False)
    print(len(crowd), flush=True)
    time.sleep(0.05)
    open_still = []
    for connection in crowd:
        try:
            if connection.recv(100) == b"":
                connection.close()
                continue
        except BlockingIOError:
            open_still.append(connection)
        except OSError:
            connection.close()
    crowd = open_still
"""


def test_host_gets_through_while_strangers_take_all_places_again_and_again(hosted, run_here, monkeypatch):
    host, node = hosted
    for name, value in host.variables().items():
        monkeypatch.setenv(name, value)
    host.invite("crowded")
    crowd = subprocess.Popen([sys.executable, "-c", CROWD, str(host.port), "4500"], stdout=subprocess.DEVNULL)
    try:
        # The server refuses connections only while all places are taken, and counts them.
        wait_for("all places to be taken", lambda: host.transport._client.info("stats")["rejected_connections"])
        for command in (["status", "--json"], ["quicksave"], ["revoke", "crowded"]):
            started = time.monotonic()
            run_here(*command)
            assert time.monotonic() - started < 30
    finally:
        crowd.kill()
        crowd.wait()
    node.assert_running()


@pytest.mark.skipif(os.name == "nt", reason="Windows has no modes")
def test_what_a_run_writes_is_for_its_owner_alone(hosted, module_stack):
    module_stack.run("quicksave")
    modes = of_each_path(module_stack.folder / "saves", lambda path: stat.S_IMODE(path.stat().st_mode))
    assert len(modes) > 10
    assert [path for path, mode in modes.items() if mode & 0o077] == []


def test_reports_beyond_their_rate_are_rejected_and_fill_neither_server_nor_disk(hosted, module_stack):
    host, node = hosted
    reporter = host.invite("reporter").read_announcement()
    metrics = {f"m{number:02}{'x' * 100}": 1.0 for number in range(32)}
    numbers = iter(range(1, 10**6))
    client = host.transport._client

    def rejected():
        with contextlib.suppress(SoulsAIError, redis.RedisError):
            pipe = reporter.transport._client.pipeline(transaction=False)
            for _ in range(200):
                payload = reporter.episode(id=f"{reporter.client}-{next(numbers)}", metrics=metrics)
                pipe.xadd(reporter.inbox, {EPISODE: payload})
            pipe.execute()
        return host.contribution("reporter").rejected.get("reports", 0) > 2000

    began = time.monotonic()
    wait_for("rejected reports", rejected)
    seconds = time.monotonic() - began
    allowed = 256 * 1024 * (seconds + 5)
    assert (client.memory_usage("soulsai:main:episodes", samples=0) or 0) < 2 * allowed
    assert sum(path.stat().st_size for path in module_stack.folder.glob("saves/*/episodes.jsonl*")) < 2 * allowed
    node.assert_running()


def test_rows_beyond_the_window_are_rejected_and_suspend_while_another_contributes(hosted):
    host, node = hosted
    honest = host.invite("honest-rows").read_announcement()
    greedy = host.invite("greedy").read_announcement()
    sent = 0

    def suspended():
        nonlocal sent
        with contextlib.suppress(SoulsAIError):
            greedy.transport.push_samples([greedy.message(rows=64) for _ in range(50)])
        honest.transport.push_samples([honest.message()])
        sent += 1
        return host.contribution("greedy").suspensions

    wait_for("a suspension", suspended)
    wait_for("the other's samples", lambda: host.contribution("honest-rows").samples == 4 * sent)
    assert host.contribution("greedy").rejected["window"] > 1000
    assert host.contribution("honest-rows").rejected == {}
    node.assert_running()
