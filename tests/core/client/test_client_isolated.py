"""A client whose environment lives in a process of its own."""

import threading

import pytest

from soulsai_core.environments.isolation import IsolatedEnvironment
from soulsai_core.errors import EnvironmentFailure

FAILING_ENVIRONMENT = """
import os, time
from functools import partial
from soulsai_core.messages import ArraySpec, Discrete, EnvSpec
from soulsai_core.testing.scripted import ScriptedEnvironment

SPEC = EnvSpec("Toy-v0", {"observation": ArraySpec((2,), "float32")}, Discrete(2))

def make(what):
    if what == "hang":
        time.sleep(1000)
    if what == "exit":
        os._exit(3)
    return ScriptedEnvironment(SPEC, lengths=(5,))

def maker(what):
    return partial(make, what)
"""


@pytest.fixture
def isolated(tmp_path, monkeypatch):
    """A function: ("hang" or "exit", seconds for its start) -> makes environments in processes of their own; the first
    does that when it starts, and later ones have plenty of time."""
    (tmp_path / "failing_environment.py").write_text(FAILING_ENVIRONMENT)
    monkeypatch.syspath_prepend(tmp_path)
    import failing_environment

    def isolated(what, seconds):
        first = iter([(what, seconds)])

        def make():
            does, start_timeout = next(first, ("play", 60))
            return IsolatedEnvironment(failing_environment.maker(does), step_timeout=60, start_timeout=start_timeout)

        return make

    return isolated


def test_hang_in_the_first_start_is_reported_and_tried_again(client_thread, node, isolated):
    problems = []
    reported = threading.Event()

    def wait(event, pause):
        problems.append(thread.client._info().problem)
        reported.set()

    node.publish(0)
    thread = client_thread(isolated("hang", 1), wait=wait, backpressure="drop")
    thread.start()
    assert reported.wait(60)
    assert problems[0] == "The environment hangs: make did not return within 1 s."
    [episode] = node.episodes(1)
    assert episode.complete
    thread.stop()


def test_crash_in_the_first_start_ends_the_client(client_thread, node, isolated):
    node.publish(0)
    with pytest.raises(EnvironmentFailure, match="its process ended with code 3 in make"):
        client_thread(isolated("exit", 60)).start().join()
