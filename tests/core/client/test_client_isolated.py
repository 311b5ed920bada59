"""A client whose environment lives in a process of its own."""

import threading

import pytest

from soulsai_core.environments.isolation import IsolatedEnvironment
from soulsai_core.errors import EnvironmentFailure

TROUBLED = """
import os, time
from functools import partial
from pathlib import Path
from soulsai_core.messages import ArraySpec, Discrete, EnvSpec
from soulsai_core.testing.scripted import ScriptedEnvironment

SPEC = EnvSpec("Toy-v0", {"observation": ArraySpec((2,), "float32")}, Discrete(2))

def make(what, mark):
    if not Path(mark).exists():
        Path(mark).touch()
        time.sleep(1000) if what == "hang" else os._exit(3)
    return ScriptedEnvironment(SPEC, lengths=(5,))

def maker(what, mark):
    return partial(make, what, mark)
"""


@pytest.fixture
def isolated(tmp_path, monkeypatch):
    """(what) -> makes environments in processes of their own, of which the first does that while it starts."""
    (tmp_path / "troubled.py").write_text(TROUBLED)
    monkeypatch.syspath_prepend(tmp_path)
    import troubled

    return lambda what: (
        lambda: IsolatedEnvironment(troubled.maker(what, str(tmp_path / "mark")), step_timeout=60, start_timeout=6)
    )


def test_hang_in_the_very_first_start_is_told_and_tried_again(played, node, isolated):
    troubles, told = [], threading.Event()

    def wait(event, pause):
        troubles.append(play.client._info().trouble)
        told.set()

    node.publish(0)
    play = played(isolated("hang"), wait=wait, backpressure="drop")
    play.start()
    assert told.wait(60)
    assert troubles[0] == "The environment hangs: it did not start within 6 s."
    [episode] = node.episodes(1)
    assert episode.complete
    play.stop()


def test_crash_in_the_very_first_start_is_raised(played, node, isolated):
    node.publish(0)
    with pytest.raises(EnvironmentFailure, match="ended with code 3 while it should start"):
        played(isolated("exit")).start().join()
