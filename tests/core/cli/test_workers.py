"""Child processes of `soulsai train`: started again when they die, and never left behind."""

import os
import threading
import time
from types import SimpleNamespace

import pytest

from soulsai_core.cli.children import NO_CLIENT_LEFT, ended_without_clients
from soulsai_core.cli.workers import Workers


@pytest.fixture
def workers(tmp_path):
    """(arguments after `python -m soulsai_core`) -> one worker with these, started."""
    made = []

    def start(*arguments, **others):
        made.append(Workers({"child": list(arguments)}, dict(os.environ), tmp_path, **others))
        made[-1].start()
        return made[-1]

    yield start
    for one in made:
        one.kill()


def wait_for(condition):
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_workers_that_were_not_started_can_be_closed(tmp_path):
    """Somebody may interrupt before."""
    Workers({"child": ["--version"]}, dict(os.environ), tmp_path).close()


def test_child_that_fails_is_started_again_and_its_last_words_are_told(workers, tmp_path, caplog):
    workers("no-such-command")
    wait_for(lambda: "Starting it again in 1 s" in caplog.text)
    assert "Child ended with code 2: " in caplog.text and "no-such-command" in caplog.text
    size = (tmp_path / "child.log").stat().st_size
    wait_for(lambda: (tmp_path / "child.log").stat().st_size > size)


def test_client_that_ended_on_a_mistake_is_not_started_again_and_its_sentence_is_told(workers, tmp_path, caplog):
    """Exit code 2: it would end on the same one again."""
    worker = workers("config", "check", "--set", "trainig.x=1", "--set", "redis.adress=h", clients=["child"])
    wait_for(lambda: worker.complaint)
    assert "trainig" in worker.complaint and "redis.adress" in worker.complaint, "all of its lines"
    assert f"Child gave up: {worker.complaint} It is not started again" in caplog.text
    assert "clients go on" not in caplog.text
    worker.close()
    assert "Starting it again" not in caplog.text


def test_nobody_has_complained_for_all_while_another_client_plays(tmp_path, caplog):
    commands = {"client-1": ["no-such-command"], "client-2": ["client", "--with-parent", "--wait", "inf"]}
    commands["client-2"] += ["--redis-address", "127.0.0.1:1"]
    workers = Workers(commands, dict(os.environ), tmp_path, clients=list(commands))
    workers.start()
    try:
        wait_for(lambda: "1 of 2 clients go on." in caplog.text)
        assert workers.complaint is None
    finally:
        workers.close()


def test_only_what_a_child_said_in_its_last_life_is_told(tmp_path, workers, caplog):
    (tmp_path / "child.log").write_text("soulsai: An old complaint.\n")
    workers("no-such-command")
    wait_for(lambda: "Starting it again" in caplog.text)
    assert "An old complaint" not in caplog.text


def test_child_that_ends_well_is_not_started_again(workers, tmp_path, caplog):
    worker = workers("--version")
    wait_for(lambda: (tmp_path / "child.log").exists() and "soulsai-core" in (tmp_path / "child.log").read_text())
    worker.close()
    assert (tmp_path / "child.log").read_text().count("soulsai-core") == 1
    assert not caplog.text


def test_closed_worker_starts_nothing_more(workers, tmp_path):
    worker = workers("no-such-command")
    wait_for(lambda: (tmp_path / "child.log").exists() and (tmp_path / "child.log").stat().st_size)
    worker.close()
    before = (tmp_path / "child.log").read_text()
    time.sleep(1.3)
    assert (tmp_path / "child.log").read_text() == before


class Node:
    """Has one client, which is somebody else's."""

    def __init__(self):
        self.clients, self.looked = ["somebody else's"], 0
        self.reason, self.ended = None, threading.Event()

    @property
    def latest(self):
        self.looked += 1
        return SimpleNamespace(clients=self.clients)

    def shutdown(self, reason):
        self.reason = reason
        self.ended.set()


def test_training_goes_on_with_clients_of_others_and_ends_when_they_have_left_too():
    node = Node()
    with ended_without_clients(node, SimpleNamespace(complaint="The level map is missing.")):
        wait_for(lambda: node.looked > 3)
        assert node.reason is None
        node.clients = []
        assert node.ended.wait(30)
    assert node.reason == NO_CLIENT_LEFT
