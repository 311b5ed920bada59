"""The witness of the recovery trial notices samples that disagree with what was seen."""

import runpy
from pathlib import Path

import numpy as np
import pytest

from soulsai_core import Catalog, SampleBatch, Weights
from soulsai_core.config import load_config, resolve
from soulsai_core.stepping import transitions
from soulsai_core.testing.scripted import ScriptedEnvironment

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"  # no package that is installed
Witness = runpy.run_path(str(BENCHMARKS / "souls" / "witness.py"))["Witness"]


class Falsifier:
    """An actor whose samples are changed on their way out."""

    def __init__(self, actor, change):
        self._actor, self._change = actor, change

    def __getattr__(self, name):
        return getattr(self._actor, name)

    def take(self):
        batch = self._actor.take()
        columns = {name: column.copy() for name, column in batch.columns.items()}
        self._change(columns)
        return SampleBatch(batch.iteration, columns)


@pytest.fixture(scope="module")
def parts():
    resolved = resolve(load_config(None, ["preset=iudex"], {}), Catalog())
    return resolved, resolved.environment.spec(resolved.environment_config)


@pytest.fixture
def watched(parts):
    """A function: the witness of an actor that played 40 steps, with failures after some of them."""
    resolved, spec = parts
    config = resolved.algorithm_config

    def play(change, cuts=()):
        learner = resolved.algorithm.learner(config, spec, np.random.default_rng(0))
        actor = resolved.algorithm.actor(config, spec, np.random.default_rng(0))
        witness = Witness(Falsifier(actor, change), config.n_step, config.gamma)
        witness.load(Weights(0, learner.weights(), 0))
        environment = ScriptedEnvironment(spec, lengths=(15,))
        step = environment.reset()
        for number in range(40):
            after = environment.step(witness.act(step.observations, step.masks))
            led_to = transitions(step, np.zeros(1, np.int64), after)
            if led_to is not None:
                witness.add(led_to)
            step = after
            if number in cuts:
                witness.cut()
                step = environment.reset()
        witness.take()
        return witness

    return play


def test_true_samples_agree_over_ends_and_failures(watched):
    witness = watched(lambda columns: None, cuts=(7, 30))
    assert witness.samples > 20 and witness.false == 0 and len(witness.gaps) == 2


@pytest.mark.parametrize("name", ["observation", "next_observation", "reward"])
def test_a_changed_sample_is_counted(watched, name):
    def change(columns):
        columns[name][3] += 1

    assert watched(change).false == 1


def test_a_failure_that_nobody_came_back_from_is_a_gap_too(watched):
    witness = watched(lambda columns: None)
    witness.cut()
    witness.close()
    assert len(witness.gaps) == 1
