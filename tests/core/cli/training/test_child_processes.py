"""Child processes of `soulsai train`: restarted when they fail, and ended together with their parent."""

import itertools
import os
import threading
from types import SimpleNamespace

import pytest
from waiting import wait_for

from soulsai_core.cli.training import child_processes
from soulsai_core.cli.training.child_commands import NO_CLIENT_LEFT, stopped_without_clients
from soulsai_core.cli.training.child_processes import ChildProcesses

FOREVER = ("client", "--with-parent", "--wait", "inf", "--redis-address", "127.0.0.1:1")
"""A client that waits for a server that never answers."""


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch):
    monkeypatch.setattr(child_processes, "delays", lambda rng, **bounds: itertools.repeat(0.01))


@pytest.fixture
def start(tmp_path):
    """A function: start children with these arguments, `name=(argument, …)` each."""
    made = []

    def start(clients=(), **commands):
        made.append(ChildProcesses(commands, dict(os.environ), tmp_path, clients=clients))
        made[-1].start()
        return made[-1]

    yield start
    for children in made:
        children.kill()


def alive():
    """Names of the threads that still look after a child."""
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("child-")]


def log_of(folder, name="child"):
    path = folder / f"{name}.log"
    return path.read_text() if path.exists() else ""


def test_children_that_were_never_started_can_be_closed(tmp_path):
    ChildProcesses({"child": ["--version"]}, dict(os.environ), tmp_path).close()


def test_child_that_fails_is_started_again_and_its_newest_error_is_logged(start, tmp_path, caplog):
    (tmp_path / "child.log").write_text("soulsai: An error of an earlier life.\n")
    start(child=["no-such-command"])
    wait_for("two starts", lambda: log_of(tmp_path).count("no-such-command") >= 2)
    wait_for("the announcement of a start", lambda: "Starting it again in 0 s" in caplog.text)
    assert "Child ended with code 2: " in caplog.text and "no-such-command" in caplog.text
    assert "earlier life" not in caplog.text


def test_client_with_a_wrong_setting_is_not_started_again_and_its_error_is_kept(start, caplog):
    children = start(["child"], child=["config", "show", "--set", "trainig.x=1", "--set", "redis.adress=h"])
    wait_for("a client that gave up", lambda: children.client_error)
    assert "trainig" in children.client_error and "redis.adress" in children.client_error, "all of its lines"
    wait_for("the end of all threads", lambda: not alive())
    assert f"Child gave up: {children.client_error} It is not started again" in caplog.text
    assert "clients go on" not in caplog.text
    assert "Starting it again" not in caplog.text


def test_there_is_no_error_of_all_clients_while_another_client_plays(start, caplog):
    children = start(["bad", "good"], bad=["no-such-command"], good=FOREVER)
    wait_for("the others to go on", lambda: "1 of 2 clients go on." in caplog.text)
    assert children.client_error is None
    children.close()


def test_child_that_ends_without_an_error_is_not_started_again(start, tmp_path, caplog):
    start(child=["--version"])
    wait_for("the end of all threads", lambda: not alive())
    assert log_of(tmp_path).count("soulsai-core") == 1
    assert not caplog.text


def test_closed_children_leave_and_are_not_started_again(start, tmp_path):
    children = start(child=FOREVER)
    wait_for("a log", lambda: log_of(tmp_path))
    children.close()
    assert not alive()
    assert log_of(tmp_path).count("Waiting for it.") == 1


class Node:
    """Has one client, which this machine did not start."""

    def __init__(self):
        self.clients = ["somebody else's"]
        self.looks = 0
        self.reason = None
        self.ended = threading.Event()

    @property
    def latest(self):
        self.looks += 1
        return SimpleNamespace(clients=self.clients)

    def shutdown(self, reason):
        self.reason = reason
        self.ended.set()


def test_training_goes_on_with_clients_of_others_and_stops_when_they_have_left_too(monkeypatch):
    monkeypatch.setattr("soulsai_core.cli.training.child_commands._POLL_INTERVAL", 0.01)
    node = Node()
    with stopped_without_clients(node, SimpleNamespace(client_error="The level map is missing.")):
        wait_for("the node to look", lambda: node.looks > 3)
        assert node.reason is None
        node.clients = []
        assert node.ended.wait(60)
    assert node.reason == NO_CLIENT_LEFT
