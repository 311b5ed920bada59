"""Waiting for a server that is still starting, until a deadline or until the user leaves."""

import threading

import pytest

from soulsai_core.app import wait_for_server
from soulsai_core.cli import waiting
from soulsai_core.errors import TransportError


class Server:
    """Answers from the `answers`-th call on."""

    def __init__(self, answers):
        self.calls, self._answers = 0, answers

    def __call__(self):
        self.calls += 1
        if self.calls < self._answers:
            raise TransportError("No server answers.")
        return "connection"


class Impatient(threading.Event):
    """An event whose waits are over at once."""

    def wait(self, timeout=None):
        return self.is_set()


def test_it_connects_once_the_server_answers_and_logs_once_why_it_waits(caplog):
    server = Server(answers=4)
    assert wait_for_server(server, Impatient()) == "connection"
    assert server.calls == 4
    assert caplog.messages == ["No server answers. Waiting for it."]


def test_a_user_who_leaves_does_not_wait():
    left = Impatient()
    left.set()
    assert wait_for_server(Server(answers=1), left) is None


def test_the_deadline_ends_the_wait_with_the_error():
    with pytest.raises(TransportError, match="No server answers"):
        wait_for_server(Server(answers=9), Impatient(), patience=0.0)


def test_process_whose_parent_is_gone_leaves_and_is_ended_once_its_patience_is_over(monkeypatch):
    monkeypatch.setattr(waiting, "_read_input", lambda: b"")
    happened = []
    over = threading.Event()

    def end(code):
        happened.append(code)
        over.set()

    waiting.when_parent_ends(happened.append, end, patience=0.01)
    assert over.wait(60)
    assert happened == [waiting.PARENT_GONE, 1]
