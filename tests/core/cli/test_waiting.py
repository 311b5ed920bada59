"""Waiting for a server that is still starting, for as long as somebody wants to."""

import threading

import pytest

from soulsai_core.app import wait_for_server
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
    """Nobody waits: all pauses are over at once."""

    def wait(self, timeout=None):
        return self.is_set()


def test_it_is_connected_as_soon_as_the_server_answers_and_tells_once_why_it_waits(caplog):
    server = Server(answers=4)
    assert wait_for_server(server, Impatient()) == "connection"
    assert server.calls == 4
    assert caplog.messages == ["No server answers. Waiting for it."]


def test_whoever_leaves_does_not_wait():
    left = Impatient()
    left.set()
    assert wait_for_server(Server(answers=1), left) is None


def test_patience_that_is_over_ends_with_the_reason():
    with pytest.raises(TransportError, match="No server answers"):
        wait_for_server(Server(answers=9), Impatient(), patience=0.0)
