"""Threads that survive the loss of the server and nothing else, and workers that are closed together."""

import logging
import random
import threading
from itertools import islice

import pytest

from soulsai_core.errors import AccessError, TransportError
from soulsai_core.threads import BackgroundWorker, RetryingThread, close_all, delays


class Fixed(random.Random):
    """Always draws the same number."""

    def __init__(self, value):
        super().__init__()
        self.value = value

    def random(self):
        return self.value


# -- waits between attempts


@pytest.mark.parametrize(
    ("drawn", "waits"), [(0.0, [1.0, 2.0, 4.0, 8.0, 10.0, 10.0]), (1.0, [0.5, 1.0, 2.0, 4.0, 5.0, 5.0])]
)
def test_waits_double_up_to_the_longest_and_jitter_takes_away_at_most_half(drawn, waits):
    assert list(islice(delays(Fixed(drawn), first=1.0, longest=10.0), 6)) == waits


def test_factor_and_bounds_can_be_chosen():
    assert list(islice(delays(Fixed(0.0), first=0.5, factor=3.0, longest=4.0), 4)) == [0.5, 1.5, 4.0, 4.0]


def test_clients_with_different_generators_wait_for_different_times():
    assert len({next(delays(random.Random(seed))) for seed in range(20)}) == 20


# -- a thread


class Steps:
    """Does what a script says, then ends the thread."""

    def __init__(self, *script):
        self.script = list(script)
        self.done = threading.Event()
        self.losses = 0
        self.reconnects = 0
        self.thread = RetryingThread(
            "tested", self, Fixed(1.0), on_loss=self.server_lost, on_reconnect=self.reconnected
        )

    def __call__(self):
        if not self.script:
            self.done.set()
            self.thread.stop()
            return
        action = self.script.pop(0)
        if action is not None:
            raise action

    def server_lost(self):
        self.losses += 1

    def reconnected(self):
        self.reconnects += 1

    def run(self):
        self.thread.start()
        self.thread.join(60)


LOST = TransportError("The server is away.")


def test_step_is_repeated_until_the_thread_is_stopped():
    steps = Steps(None, None, None)
    steps.run()
    assert steps.done.is_set() and steps.thread.stopping and steps.thread.failure is None
    assert steps.reconnects == 0
    steps.thread.check()


def test_loss_of_the_server_is_waited_out_and_logged_once(caplog):
    steps = Steps(None, LOST, LOST, None, LOST, None)
    with caplog.at_level(logging.WARNING):
        steps.run()
    assert steps.done.is_set() and steps.thread.failure is None
    assert (steps.losses, steps.reconnects) == (2, 2)
    assert [record.message for record in caplog.records] == [
        "The server is away. Trying again until it is back.",
        "The server is back.",
    ] * 2


@pytest.mark.parametrize("error", [AccessError("wrong password"), ValueError("a bug")])
def test_any_other_error_ends_the_thread_and_is_raised_to_the_owner(error):
    steps = Steps(None, error)
    steps.run()
    assert not steps.done.is_set()
    with pytest.raises(type(error), match=str(error)):
        steps.thread.check()


def test_thread_can_be_stopped_while_the_server_is_away():
    tried = threading.Event()

    def step():
        tried.set()
        raise LOST

    thread = RetryingThread("tested", step, random.Random(0))
    thread.start()
    assert tried.wait(60)
    thread.stop()
    thread.join(60)
    assert thread.failure is None and "tested" not in {thread.name for thread in threading.enumerate()}


def test_thread_that_was_never_started_can_be_joined():
    RetryingThread("tested", lambda: None, random.Random()).join(1.0)


# -- workers


class Worker(BackgroundWorker):
    """Notes what is done to it; its `close` may raise."""

    def __init__(self, name, calls, error=None):
        self._name = name
        self._calls = calls
        self._error = error

    def stop(self):
        self._calls.append(("stop", self._name))

    def close(self):
        self._calls.append(("close", self._name))
        if self._error is not None:
            raise self._error


def test_workers_are_all_stopped_before_the_last_is_closed_first():
    calls = []
    close_all([Worker("a", calls), Worker("b", calls)])
    assert calls == [("stop", "b"), ("stop", "a"), ("close", "b"), ("close", "a")]


def test_worker_whose_server_is_away_is_closed_with_a_warning(caplog):
    calls = []
    close_all([Worker("a", calls), Worker("b", calls, LOST)])
    assert calls[-1] == ("close", "a")
    assert "While stopping: The server is away." in caplog.text


def test_worker_that_fails_while_closing_keeps_no_other_from_it():
    calls = []
    with pytest.raises(ValueError, match="a bug"):
        close_all([Worker("a", calls), Worker("b", calls, ValueError("a bug"))])
    assert calls[-1] == ("close", "a")
