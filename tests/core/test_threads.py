"""A thread that survives the loss of the server and nothing else."""

import logging
import random
import threading

import pytest

from soulsai_core.errors import AccessError, TransportError
from soulsai_core.threads import SupervisedLoop


class Instant(random.Random):
    """Takes half off each wait, the most there is."""

    def random(self):
        return 1.0


class Steps:
    """Does what a script says, then waits to be stopped."""

    def __init__(self, *script):
        self.script = list(script)
        self.done = threading.Event()
        self.backs = 0
        self.loop = SupervisedLoop("tested", self, Instant(), back=self.back)

    def __call__(self):
        if not self.script:
            self.done.set()
            self.loop.stop()
            return
        action = self.script.pop(0)
        if action is not None:
            raise action

    def back(self):
        self.backs += 1

    def run(self):
        self.loop.start()
        self.loop.join(30)


LOST = TransportError("The server is away.")


def test_step_is_repeated_until_the_loop_is_stopped():
    steps = Steps(None, None, None)
    steps.run()
    assert steps.done.is_set() and steps.loop.stopping and steps.loop.failure is None
    assert steps.backs == 0


def test_loss_of_the_server_is_waited_out_and_told_once(caplog):
    steps = Steps(None, LOST, LOST, None, LOST, None)
    with caplog.at_level(logging.WARNING):
        steps.run()
    assert steps.done.is_set() and steps.loop.failure is None
    assert (steps.loop.losses, steps.backs) == (2, 2)
    assert [record.message for record in caplog.records] == [
        "The server is away. Trying again until it is back.",
        "The server is back.",
    ] * 2


@pytest.mark.parametrize("error", [AccessError("wrong password"), ValueError("a bug")])
def test_anything_else_ends_the_thread_and_is_kept_for_the_owner(error):
    steps = Steps(None, error)
    steps.run()
    assert steps.loop.failure is error and not steps.done.is_set()


def test_loop_can_be_stopped_while_the_server_is_away():
    tried = threading.Event()

    def step():
        tried.set()
        raise LOST

    loop = SupervisedLoop("tested", step, random.Random(0))
    loop.start()
    assert tried.wait(30)
    loop.stop()
    loop.join(30)
    assert loop.failure is None and "tested" not in {thread.name for thread in threading.enumerate()}


def test_loop_that_was_never_started_can_be_joined():
    SupervisedLoop("tested", lambda: None, random.Random()).join(1.0)
