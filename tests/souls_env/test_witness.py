"""The witness of the recovery trial notices rows that disagree with what was seen."""

import runpy
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from soulsai_core import Catalog, EnvironmentFailure, step_columns
from soulsai_core.client.recorder import Recorder
from soulsai_core.config import load_config, resolve
from soulsai_core.steps import END, POSITION, START
from soulsai_core.testing.scripted import ScriptedEnvironment

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"  # no package that is installed
Witness = runpy.run_path(str(BENCHMARKS / "souls" / "witness.py"))["Witness"]


class Failing(ScriptedEnvironment):
    def step(self, actions):
        raise EnvironmentFailure("The game hangs.")


@pytest.fixture(scope="module")
def spec():
    resolved = resolve(load_config(None, ["preset=iudex"], {}), Catalog())
    return resolved.environment.spec(resolved.environment_config)


@pytest.fixture
def watched(spec):
    """A function: the witness of 40 recorded steps, with failures and late steps after some of them, whose rows are
    changed on their way out."""

    def play(change=lambda batch: batch, failures=(), late=(), next_step=False):
        witness, rng = Witness(), np.random.default_rng(0)
        recorder = Recorder(step_columns(spec, {}, 1e6), spec.observations)
        script = ScriptedEnvironment(spec, lengths=(15,), next_step=next_step)
        environment = witness.watching(script)
        step = environment.reset()
        recorder.begin(step)
        for number in range(40):
            actions = np.array([rng.choice(np.flatnonzero(step.masks[0]))])
            step = environment.step(actions)
            recorder.record(actions, {}, step, late=number in late)
            if number in failures:
                with pytest.raises(EnvironmentFailure):
                    witness.watching(Failing(spec)).step(actions)
                step = environment.reset()
                recorder.begin(step)
        batch = recorder.take()
        columns = {name: column.copy() for name, column in batch.columns.items()}
        after = {name: column.copy() for name, column in batch.after.items()}
        batch = replace(batch, segments=batch.segments.copy(), columns=columns, after=after)
        change(batch)
        witness.sent(batch)
        return witness

    return play


@pytest.mark.parametrize("next_step", [False, True])
def test_true_rows_agree_over_ends_failures_and_late_steps(watched, next_step):
    witness = watched(failures=(7, 30), late=(3, 20), next_step=next_step)
    assert witness.samples == witness.steps >= 38
    assert witness.false == 0 and len(witness.gaps) == 2


@pytest.mark.parametrize(("name", "false"), [("observation", 2), ("reward", 1), ("action", 1)])
def test_a_changed_row_is_counted(watched, name, false):
    def change(batch):
        batch.columns[name][3] += 1

    assert watched(change).false == false  # an observation is also what followed the row before


def test_a_changed_observation_after_a_row_is_counted(watched):
    def change(batch):
        batch.after["observation"][-1] += 1

    assert watched(change).false == 1


@pytest.mark.parametrize("column", [START, END])
def test_a_changed_start_or_end_is_counted(watched, column):
    def change(batch):
        batch.segments[-1, column] ^= 1

    assert watched(change).false == 1


def test_rows_that_join_over_a_failure_are_counted(watched):
    def change(batch):
        batch.segments[1:, POSITION] -= 1

    assert watched(change, failures=(7,)).false >= 32


def test_a_failure_without_a_step_after_it_is_a_gap_too(watched):
    witness = watched(failures=(39,))
    assert not witness.gaps
    witness.close()
    assert len(witness.gaps) == 1
