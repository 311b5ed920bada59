"""An environment in a process of its own: the same steps as here; a hang or a crash there is noticed here."""

import multiprocessing
import subprocess
import sys
import textwrap
from contextlib import closing

import numpy as np
import psutil
import pytest
from waiting import DEADLINE_S, wait_for

from soulsai_core.environments.gym.config import Config
from soulsai_core.environments.gym.plugin import plugin
from soulsai_core.environments.isolation import IsolatedEnvironment, installed
from soulsai_core.environments.isolation.codec import encode
from soulsai_core.errors import EnvironmentFailure, EnvironmentNotReady, EnvironmentRaised, PluginError

PATIENCE = DEADLINE_S
MISBEHAVING = """
import dataclasses, os, pathlib, time
from functools import partial
import numpy as np
from soulsai_core.errors import EnvironmentFailure, EnvironmentNotReady, PluginError
from soulsai_core.messages import ArraySpec, Discrete, EnvSpec
from soulsai_core.testing.scripted import ScriptedEnvironment

SPEC = EnvSpec("Toy-v0", {"observation": ArraySpec((2,), "float32")}, Discrete(2))
LARGE = EnvSpec("Large-v0", {"observation": ArraySpec((1_000_000,), "float32")}, Discrete(2))

class Misbehaving(ScriptedEnvironment):
    def __init__(self, what, at):
        super().__init__(LARGE if what.endswith("large.closed") else SPEC, lengths=(50,))
        self.what, self.at, self.steps = what, at, 0
        if at == 0:
            self.misbehave()
    def step(self, actions):
        self.steps += 1
        if self.steps == self.at:
            self.misbehave()
        step = super().step(actions)
        ends = self.what == "ends" and self.steps == self.at
        return dataclasses.replace(step, terminated=np.array([True]), final={}) if ends else step
    def reset(self):
        if self.what == "hang in reset":
            time.sleep(1000)
        return super().reset()
    def misbehave(self):
        if self.what == "hang":
            time.sleep(1000)
        elif self.what == "exit":
            os._exit(3)
        elif self.what == "raise":
            raise RuntimeError("out of memory")
        elif self.what == "raise with a name that UTF-8 has not":
            raise RuntimeError("no file m\\udcfcll")
        elif self.what == "fail":
            raise EnvironmentFailure("The game is gone.")
        elif self.what == "wait":
            raise EnvironmentNotReady("The game is not running.")
        elif self.what == "mistake":
            raise PluginError("It gave no Step.")
        elif self.what == "mistake that was raised":
            raise PluginError("It raised KeyError.") from KeyError()
    def close(self):
        if self.what.endswith(".closed"):
            pathlib.Path(self.what).touch()
        if self.what == "fails to close":
            raise OSError("the window is gone")
        if self.what == "never closes":
            time.sleep(1000)

def make(what, at=0):
    return partial(Misbehaving, what, at)
"""
ACTION = np.zeros(1, np.int64)


@pytest.fixture(scope="module")
def make(tmp_path_factory):
    """A function: makes an environment that misbehaves in this way at a step; 0 is its start."""
    folder = tmp_path_factory.mktemp("modules")
    (folder / "misbehaving.py").write_text(MISBEHAVING)
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(folder)
        import misbehaving

        yield misbehaving.make


@pytest.fixture
def isolate(make):
    """A function: the environment in a process of its own."""
    environments = []

    def start(what, at=0, step_timeout=PATIENCE, start_timeout=PATIENCE, reset_timeout=None):
        deadlines = {"step_timeout": step_timeout, "start_timeout": start_timeout, "reset_timeout": reset_timeout}
        environments.append(IsolatedEnvironment(make(what, at), **deadlines))
        return environments[-1]

    yield start
    for environment in environments:
        environment.close()


def play(environment, steps):
    environment.reset()
    for _ in range(steps):
        environment.step(ACTION)


def test_steps_are_those_of_the_same_environment_in_this_process():
    """So the contract of environments, which is tested for those in this process, holds for isolated ones too."""
    config = Config(id="CartPole-v1", max_episode_steps=30)
    here = plugin.make(config, 7)
    there = IsolatedEnvironment(installed(plugin, config, 7), step_timeout=PATIENCE, start_timeout=PATIENCE)
    with closing(here), closing(there):
        assert there.num_envs == here.num_envs
        kept = [(there.reset(), encode(here.reset()))]
        for turn in range(100):
            actions = np.array([turn % 3 % 2])
            there.step_async(actions)
            kept.append((there.step_wait(), encode(here.step(actions))))
    assert [encode(step) for step, _ in kept] == [expected for _, expected in kept], "also once later steps have come"
    assert any(step.terminated.any() for step, _ in kept)
    there.close()


def test_vector_without_a_seed_can_be_isolated():
    config = Config(id="CartPole-v1", num_envs=2)
    with closing(
        IsolatedEnvironment(installed(plugin, config, None), step_timeout=PATIENCE, start_timeout=PATIENCE)
    ) as environment:
        environment.reset()
        assert environment.step(np.zeros(2, np.int64)).rewards.shape == (2,)


def test_hanging_step_is_ended_at_its_deadline(isolate):
    environment = isolate("hang", at=3, step_timeout=0.3)
    with pytest.raises(EnvironmentFailure, match=r"hangs: Environment\.step did not return within 0\.3 s"):
        play(environment, 3)
    assert not environment._process.is_alive()
    with pytest.raises(EnvironmentFailure):
        environment.step(ACTION)


def test_hanging_reset_is_ended_at_its_deadline_too(isolate):
    environment = isolate("hang in reset")
    environment._next_reset_timeout = 0.3
    with pytest.raises(EnvironmentNotReady, match=r"hangs: Environment\.reset did not return within 0\.3 s"):
        environment.reset()


def test_hanging_start_is_ended_at_its_deadline(make):
    with pytest.raises(EnvironmentNotReady, match=r"hangs: make did not return within 0\.5 s"):
        IsolatedEnvironment(make("hang"), step_timeout=PATIENCE, start_timeout=0.5)
    assert not [child for child in multiprocessing.active_children() if child.name == "environment"]


@pytest.mark.parametrize(
    ("what", "at", "kind", "sentence"),
    [
        ("exit", 0, EnvironmentFailure, "ended with code 3"),
        ("exit", 2, EnvironmentFailure, "ended with code 3"),
        ("raise", 0, EnvironmentRaised, "RuntimeError: out of memory"),
        ("raise", 2, EnvironmentRaised, "RuntimeError: out of memory"),
        ("raise with a name that UTF-8 has not", 2, EnvironmentRaised, r"no file m\\udcfcll"),
        ("fail", 2, EnvironmentFailure, "^The game is gone.$"),
        ("wait", 0, EnvironmentNotReady, "^The game is not running.$"),
        ("mistake", 2, PluginError, "^It gave no Step.$"),
        ("mistake that was raised", 2, EnvironmentRaised, "^It raised KeyError.$"),
    ],
)
def test_crash_or_error_is_raised_here_with_its_sentence_and_class(isolate, what, at, kind, sentence):
    with pytest.raises((EnvironmentFailure, PluginError), match=sentence) as raised:
        play(isolate(what, at), 2)
    assert type(raised.value) is kind


def test_first_reset_may_take_as_long_as_a_start_and_a_step_that_resets_as_any_other(isolate):
    environment = isolate("ends", at=2, step_timeout=20.0, reset_timeout=40.0, start_timeout=60.0)
    deadlines = []
    receive = environment._receive

    def noted(kind, timeout, what):
        deadlines.append((timeout, what))
        return receive(kind, timeout, what)

    environment._receive = noted
    play(environment, 4)
    environment.reset()
    steps = [(20.0, "step"), (20.0, "step"), (40.0, "step"), (20.0, "step")]
    assert deadlines == [(60.0, "reset"), *steps, (40.0, "reset")]


def test_step_runs_there_while_the_client_does_other_work(isolate):
    environment = isolate("hang", at=3)
    play(environment, 2)
    environment._step_timeout = 0.3
    environment.step_async(ACTION)
    assert environment._process.is_alive(), "the step hangs, and the client does not"
    with pytest.raises(EnvironmentFailure, match="hangs"):
        environment.step_wait()


@pytest.mark.parametrize("running", [False, True])
def test_environment_is_closed_there_even_while_a_step_is_running(isolate, tmp_path, running):
    """Its answer is larger than what the pipe holds, so the process waits until the client takes it."""
    environment = isolate(str(tmp_path / "large.closed"))
    play(environment, 2)
    if running:
        environment.step_async(ACTION)
    environment.close()
    assert (tmp_path / "large.closed").exists() and environment._process.exitcode == 0


def test_environment_that_fails_to_close_ends_without_a_traceback(isolate, capfd):
    environment = isolate("fails to close")
    environment.close()
    assert environment._process.exitcode == 0
    assert capfd.readouterr().err.strip() == "The environment could not be closed: OSError: the window is gone"


def test_environment_for_which_no_process_can_be_started_has_failed_and_is_tried_again(isolate, monkeypatch):
    def start(process):
        raise OSError("Cannot allocate memory")

    monkeypatch.setattr(multiprocessing.process.BaseProcess, "start", start)
    with pytest.raises(EnvironmentFailure, match="No process can be started for the environment: Cannot allocate"):
        isolate("nothing")


def test_environment_that_does_not_close_is_killed(isolate, monkeypatch):
    monkeypatch.setattr("soulsai_core.environments.isolation.environment._CLOSE_TIMEOUT", 0.3)
    environment = isolate("never closes")
    environment.close()
    assert not environment._process.is_alive()


@pytest.mark.timeout(120)
def test_hung_environment_does_not_outlive_a_killed_client(tmp_path):
    (tmp_path / "misbehaving.py").write_text(MISBEHAVING)
    program = """
        import sys, threading, numpy as np
        sys.path.insert(0, sys.argv[1])
        import misbehaving
        from soulsai_core.environments.isolation import IsolatedEnvironment
        if __name__ == "__main__":
            environment = IsolatedEnvironment(misbehaving.make("hang", 1), step_timeout=600, start_timeout=600)
            environment.reset()
            print(environment._process.pid, flush=True)
            environment.step(np.zeros(1, np.int64))
    """
    file = tmp_path / "client.py"
    file.write_text(textwrap.dedent(program))
    client = subprocess.Popen([sys.executable, file, tmp_path], stdout=subprocess.PIPE, text=True)
    child = psutil.Process(int(client.stdout.readline()))
    client.kill()
    client.communicate()
    assert wait_for("the child's end", lambda: not child.is_running() or child.status() == psutil.STATUS_ZOMBIE)
