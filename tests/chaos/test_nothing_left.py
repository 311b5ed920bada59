"""kill -9 of each process of a training: nothing of it is left."""

from __future__ import annotations

import sys

import psutil
import pytest
from commands import LINEAR
from untrained import make_run
from waiting import wait_for

pytestmark = [pytest.mark.stack, pytest.mark.skipif(sys.platform == "win32", reason="kill -9 is a signal of POSIX")]

ISOLATED = (*LINEAR, "client.isolate=true")


@pytest.fixture
def training(stack):
    """A training that goes on, with a client whose environment has a process of its own."""
    command = stack.train("--clients", "1", algorithm=ISOLATED)
    wait_for("the first steps", lambda: command.assert_running() or (stack.status() and stack.status().env_steps > 0))
    return command


def test_nothing_is_left_of_a_training_that_is_killed_though_its_environment_hangs(stack, training):
    [environment] = stack.processes("spawn_main")
    environment.suspend()
    training.kill()
    wait_for("the end of all processes", lambda: set(stack.processes()) <= {environment})
    wait_for("the end of the environment", lambda: not environment.is_running())
    stack.wait_until_gone()


def test_nothing_is_left_of_a_client_that_is_killed_and_another_one_comes(stack, training):
    [client] = stack.processes("client", "--with-parent")
    [environment] = stack.processes("spawn_main")
    client.kill()
    wait_for("the end of the environment", lambda: not environment.is_running())
    wait_for("another client", lambda: stack.processes("client", "--with-parent") and stack.processes("spawn_main"))
    training.interrupt()
    training.wait_for_end()
    stack.wait_until_gone()


@pytest.mark.parametrize("victim", ["guard", "server"])
def test_training_goes_on_after_its_server_or_the_servers_guard_was_killed(stack, training, victim):
    [guard] = stack.processes("guard.py")
    [server] = guard.children()
    steps = stack.status().env_steps
    (guard if victim == "guard" else server).kill()
    wait_for("the end of the server", lambda: not psutil.pid_exists(server.pid) or server.status() == "zombie")
    wait_for("further steps", lambda: (status := status_of(stack)) is not None and status.env_steps > steps + 100)
    training.interrupt()
    output = training.wait_for_end()
    assert "The server was killed. It was started again" in output
    stack.wait_until_gone()


def test_nothing_is_left_of_a_multirun_that_is_killed_and_its_training_is_saved(stack):
    settings = (*LINEAR, "training.stop.env_steps=1000000000")
    options = [word for setting in settings for word in ("--set", setting)]
    multirun = stack.start("multirun", "--seeds", "2", "--", "--clients", "1", *options)

    def begun():
        multirun.assert_running()
        return [
            path for path in stack.folder.glob("saves/*/*/status.json") if b'"iteration":0,' not in path.read_bytes()
        ]

    wait_for("the first iterations", begun)
    multirun.kill()
    stack.wait_until_gone()
    [checkpoint] = stack.folder.glob("saves/*/*/checkpoint")
    assert b"asked to terminate" in checkpoint.with_name("status.json").read_bytes()


def test_nothing_is_left_of_an_evaluation_that_is_killed_though_its_environment_hangs(stack):
    make_run(stack.folder / "saves" / "untrained")
    evaluation = stack.start("eval", "untrained", "--episodes", "1000000", "--processes", "2")
    parent = psutil.Process(evaluation.process.pid)

    def players():
        evaluation.assert_running()
        return len(found := parent.children()) == 2 and all(one.cpu_times().user > 0.05 for one in found) and found

    found = wait_for("the processes that play", players)
    found[0].suspend()
    evaluation.kill()
    wait_for("the end of all processes", lambda: not any(map(runs, found)))


def runs(process):
    """Whether a process is there that has not ended."""
    try:
        return process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def status_of(stack):
    """The node's status, None while no server answers."""
    from soulsai_core.errors import TransportError

    try:
        return stack.status()
    except TransportError:
        return None
